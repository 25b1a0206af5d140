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

use super::answer::{Format, Refusal};
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

#[derive(Debug)]
enum Part {
    More(Bytes),
    Last(Bytes),
    Failed(Cut),
}

/// Where an answer is written to.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) text: String,
    parts: mpsc::Sender<Part>,
}

impl Sink {
    /// Sends what was written, once it is worth it. To be called after each entry.
    pub(super) async fn relieve(&mut self) -> Result<(), Cut> {
        if self.text.len() < CHUNK_BYTES {
            return Ok(());
        }
        let room = String::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 8);
        let text = std::mem::replace(&mut self.text, room);
        self.send(Part::More(Bytes::from(text))).await
    }

    async fn send(&self, part: Part) -> Result<(), Cut> {
        let sent = timeout(STALL_MAX, self.parts.send(part)).await;
        if let Ok(Ok(())) = sent { Ok(()) } else { Err(Cut::Gone) }
    }
}

/// Something that writes an answer, entry by entry.
pub(super) trait Produce: Send + 'static {
    fn produce(self, sink: &mut Sink) -> impl Future<Output = Result<(), Cut>> + Send;
}

/// Answers with what is produced. What fits into one part has a length; what cannot be finished is
/// refused or broken off, never ended: a product would take the missing rest for removed.
pub(super) async fn answer(format: Format, producer: impl Produce) -> Result<Response, Refusal> {
    let (sender, mut parts) = mpsc::channel(CHUNKS_WAITING_MAX);
    tokio::spawn(produce(producer, Sink { text: String::new(), parts: sender }));
    let body = match parts.recv().await {
        Some(Part::Last(text)) => Body::from(text),
        Some(Part::More(text)) => Body::from_stream(stream::unfold(Rest::Begun(text, parts), next)),
        Some(Part::Failed(Cut::Store(error))) => return Err(error.into()),
        Some(Part::Failed(Cut::Gone)) | None => return Err(Refusal::busy()),
    };
    Ok(([(CONTENT_TYPE, format.content_type())], body).into_response())
}

async fn produce(producer: impl Produce, mut sink: Sink) {
    let produced = producer.produce(&mut sink).await;
    let last = match produced {
        Ok(()) => Part::Last(Bytes::from(std::mem::take(&mut sink.text))),
        Err(cut) => Part::Failed(cut),
    };
    if sink.send(last).await.is_err() {
        tracing::debug!("A Crowd client left before its answer ended.");
    }
}

/// What is still to be sent of a body that began.
#[derive(Debug)]
enum Rest {
    Begun(Bytes, mpsc::Receiver<Part>),
    Open(mpsc::Receiver<Part>),
    Ended,
}

/// The next part of a body. Without a last part it ends in an error.
async fn next(rest: Rest) -> Option<(io::Result<Bytes>, Rest)> {
    let mut parts = match rest {
        Rest::Begun(text, parts) => return Some((Ok(text), Rest::Open(parts))),
        Rest::Open(parts) => parts,
        Rest::Ended => return None,
    };
    Some(match parts.recv().await {
        Some(Part::More(text)) => (Ok(text), Rest::Open(parts)),
        Some(Part::Last(text)) => (Ok(text), Rest::Ended),
        Some(Part::Failed(cut)) => {
            tracing::error!("An answer to a Crowd client was broken off: {cut}");
            (Err(io::Error::other(cut)), Rest::Ended)
        }
        None => (Err(io::Error::other("the answer was broken off")), Rest::Ended),
    })
}
