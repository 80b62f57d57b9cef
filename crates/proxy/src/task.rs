//! Tasks that carry calls of HTTP/2, and how one of them is ended.
//!
//! hyper does not poll the body of an answer while the client's window is shut. So that nobody can hold a call, and what it
//! holds, for ever, the task itself can be ended from outside: the stream is reset, the connection goes on.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::core::Core;

/// The handle of a task.
#[derive(Debug, Default)]
pub(crate) struct Task {
    ended: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// The one that it began last: hyper writes a stream that goes on as another protocol in a task of its own.
    began: RefCell<Option<Rc<Task>>>,
}

impl Task {
    /// The task that it began last.
    pub(crate) fn began(&self) -> Option<Rc<Task>> {
        self.began.borrow().clone()
    }

    /// Drops what the task does.
    pub(crate) fn end(&self) {
        self.ended.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// Runs hyper's tasks for a client's connection; while one of them runs, the core knows which.
#[derive(Debug, Clone)]
pub(crate) struct Tasks(pub(crate) Rc<Core>);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        let task = Rc::<Task>::default();
        if let Some(running) = &*self.0.task.borrow() {
            *running.began.borrow_mut() = Some(Rc::clone(&task));
        }
        let running = Running { core: Rc::clone(&self.0), task, future: Box::pin(future) };
        tokio::task::spawn_local(running);
    }
}

struct Running<F> {
    core: Rc<Core>,
    task: Rc<Task>,
    future: Pin<Box<F>>,
}

impl<F: Future<Output = ()>> Future for Running<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.task.ended.get() {
            return Poll::Ready(());
        }
        *this.task.waker.borrow_mut() = Some(context.waker().clone());
        let before = this.core.task.replace(Some(Rc::clone(&this.task)));
        let polled = this.future.as_mut().poll(context);
        this.core.task.replace(before);
        polled
    }
}
