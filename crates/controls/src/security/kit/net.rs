//! A network of canned answers, and a side runtime polled by hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use engine::cells::{Cells, Meter, Taken};
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Reach, Spawn, Trailed};
use engine::{BoxFuture, UnixTime};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// What the network says to a URL.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Json(String),
    JsonFor(String, &'static str),
    /// Status, media type, content.
    Media(u16, &'static str, String),
    /// Status and fields.
    Fields(u16, &'static [(&'static str, &'static str)]),
    Status(u16),
    /// Over HTTP/2.
    Trailed(Trailed),
    Fails,
    Never,
}

#[derive(Debug, Default)]
pub(crate) struct FakeNet {
    pub(crate) replies: Mutex<HashMap<String, Reply>>,
    pub(crate) asked: Mutex<Vec<(String, Reach)>>,
    /// The last request but those for keys and metadata.
    pub(crate) posted: Mutex<Option<FetchRequest>>,
}

impl FakeNet {
    pub(crate) fn set(&self, url: &str, reply: Reply) {
        self.replies.lock().unwrap().insert(url.to_owned(), reply);
    }

    pub(crate) fn asked(&self, url: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(asked, _)| asked == url).count()
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Net(pub(crate) Arc<FakeNet>);

impl Fetch for Net {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        self.0.asked.lock().unwrap().push((request.url.clone(), request.reach));
        let net = Arc::clone(&self.0);
        if request.method == Method::POST {
            *net.posted.lock().unwrap() = Some(request.clone());
        }
        Box::pin(std::future::poll_fn(move |_| {
            let reply = net.replies.lock().unwrap().get(&request.url).cloned();
            let answer = |status: u16, body: String, cache: Option<&'static str>| {
                if body.len() > request.max_bytes {
                    return Err(FetchError::TooLarge);
                }
                let mut headers = HeaderMap::new();
                if let Some(cache) = cache {
                    headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static(cache));
                }
                Ok(FetchResponse {
                    status: StatusCode::from_u16(status).unwrap(),
                    headers,
                    body: body.into(),
                })
            };
            Poll::Ready(match reply {
                None => answer(404, String::new(), None),
                Some(Reply::Json(body)) => answer(200, body, None),
                Some(Reply::JsonFor(body, cache)) => answer(200, body, Some(cache)),
                Some(Reply::Media(status, media, body)) => {
                    let mut answer = answer(status, body, None);
                    if let Ok(answer) = &mut answer {
                        answer.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(media));
                    }
                    answer
                }
                Some(Reply::Fields(status, fields)) => {
                    let mut answer = answer(status, String::from("whatever"), None);
                    if let Ok(answer) = &mut answer {
                        let field = |(name, value): &(&'static str, &'static str)| {
                            (HeaderName::from_static(name), HeaderValue::from_static(value))
                        };
                        answer.headers.extend(fields.iter().map(field));
                    }
                    answer
                }
                Some(Reply::Trailed(_)) => Err(FetchError::Exchange("it speaks HTTP/2".into())),
                Some(Reply::Status(status)) => answer(status, String::from("{}"), None),
                Some(Reply::Fails) => Err(FetchError::Exchange("reset".into())),
                Some(Reply::Never) => return Poll::Pending,
            })
        }))
    }

    fn fetch_trailed(&self, request: FetchRequest) -> BoxFuture<'static, Result<Trailed, FetchError>> {
        let (url, max_bytes) = (request.url.clone(), request.max_bytes);
        let plain = self.fetch(request);
        let reply = self.0.replies.lock().unwrap().get(&url).cloned();
        Box::pin(async move {
            match reply {
                Some(Reply::Trailed(trailed)) if trailed.answer.body.len() > max_bytes => {
                    Err(FetchError::TooLarge)
                }
                Some(Reply::Trailed(trailed)) => Ok(trailed),
                _ => Ok(Trailed { answer: plain.await?, trailers: None }),
            }
        })
    }
}

/// A side runtime that runs when it is told to.
#[derive(Default, Clone)]
pub(crate) struct Side(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl std::fmt::Debug for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Side")
    }
}

impl Spawn for Side {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().push(task);
    }
}

impl Side {
    /// Polls every task some times: enough for what does not wait for time to pass.
    pub(crate) fn run(&self) {
        for _ in 0..4 {
            let mut tasks = std::mem::take(&mut *self.0.lock().unwrap());
            let mut context = Context::from_waker(Waker::noop());
            tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
            self.0.lock().unwrap().append(&mut tasks);
        }
    }

    pub(crate) fn tasks(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Counters that nothing here counts with.
#[derive(Debug)]
pub(crate) struct NoCells;

impl Cells for NoCells {
    fn take(&self, _: u128, _: &Meter, _: UnixTime) -> Taken {
        unreachable!("no control here counts")
    }

    fn peek(&self, _: u128, _: &Meter, _: UnixTime) -> Taken {
        unreachable!("no control here counts")
    }

    fn release(&self, _: u128) {}

    fn key(&self, _: &[&[u8]]) -> u128 {
        0
    }
}
