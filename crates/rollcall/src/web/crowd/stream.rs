//! Answers that are sent while they are read.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::answer::Format;
use crate::store::StoreError;

const CHUNK_BYTES: usize = 16 * 1024;
/// Chunks that wait for the network. More would only be memory.
const CHUNKS_WAITING_MAX: usize = 4;
/// A reader that takes nothing for so long is gone; it holds a snapshot of the database.
const STALL_MAX: Duration = Duration::from_secs(30);

/// Why an answer is cut off.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    #[error("the reader is gone")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where an answer is written to.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) text: String,
    chunks: mpsc::Sender<io::Result<Bytes>>,
}

impl Sink {
    /// Sends what was written, once it is worth it. To be called after each entry.
    pub(super) async fn relieve(&mut self) -> Result<(), Cut> {
        if self.text.len() < CHUNK_BYTES {
            return Ok(());
        }
        self.send().await
    }

    async fn send(&mut self) -> Result<(), Cut> {
        let text = std::mem::take(&mut self.text);
        self.text.reserve(CHUNK_BYTES + CHUNK_BYTES / 8);
        let sent = timeout(STALL_MAX, self.chunks.send(Ok(Bytes::from(text)))).await;
        if let Ok(Ok(())) = sent { Ok(()) } else { Err(Cut::Gone) }
    }
}

/// Something that writes an answer, entry by entry.
pub(super) trait Produce: Send + 'static {
    fn produce(self, sink: &mut Sink) -> impl Future<Output = Result<(), Cut>> + Send;
}

/// Answers with what is produced. An answer that cannot be finished is broken off, never ended: a
/// product would take the missing rest for removed.
pub(super) fn answer(format: Format, producer: impl Produce) -> Response {
    let (sender, receiver) = mpsc::channel(CHUNKS_WAITING_MAX);
    tokio::spawn(async move {
        let mut sink = Sink { text: String::new(), chunks: sender };
        let produced = producer.produce(&mut sink).await;
        let ended = match produced {
            Ok(()) => sink.send().await,
            Err(cut) => Err(cut),
        };
        let Err(cut) = ended else { return };
        if let Cut::Store(error) = &cut {
            tracing::error!("An answer to a Crowd client was broken off: {error}");
        }
        if sink.chunks.send(Err(io::Error::other(cut.to_string()))).await.is_err() {
            tracing::debug!("A Crowd client left before its answer ended.");
        }
    });
    let chunks = stream::unfold(receiver, async |mut receiver| {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    });
    ([(CONTENT_TYPE, format.content_type())], Body::from_stream(chunks)).into_response()
}
