//! What wraps a socket to look at what is read writes as the socket does.

/// Has a type with a field `io` write through it; a method of it, where one is named, is told what was to be written and how many bytes
/// of it were.
macro_rules! writes_through {
    ($wrapper:ident $(, $wrote:ident)?) => {
        impl<S: tokio::io::AsyncWrite + Unpin> tokio::io::AsyncWrite for $wrapper<S> {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
                bytes: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let this = self.get_mut();
                let written = std::pin::Pin::new(&mut this.io).poll_write(context, bytes);
                $(if let std::task::Poll::Ready(Ok(count)) = &written {
                    this.$wrote(&[std::io::IoSlice::new(bytes)], *count);
                })?
                written
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
                slices: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                let this = self.get_mut();
                let written = std::pin::Pin::new(&mut this.io).poll_write_vectored(context, slices);
                $(if let std::task::Poll::Ready(Ok(count)) = &written { this.$wrote(slices, *count); })?
                written
            }

            fn is_write_vectored(&self) -> bool {
                self.io.is_write_vectored()
            }

            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.get_mut().io).poll_flush(context)
            }

            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.get_mut().io).poll_shutdown(context)
            }
        }
    };
}

pub(crate) use writes_through;
