//! HTTP: reads requests, puts answers on the wire, and breaks the wire when a fault asks for it.

mod side_channel;

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::sleep;

use super::{
    answer::Answer,
    api,
    call::Call,
    fault::Kind,
    people::mixed,
    spoil::{self, http_date},
    user::Moment,
    world::{Ruling, World},
};

const REQUEST_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn router(world: Arc<World>) -> Router {
    side_channel::routes().fallback(serve).with_state(world)
}

async fn serve(State(world): State<Arc<World>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, REQUEST_BYTES_MAX).await.unwrap_or_default();
    let query = head.uri.query().unwrap_or_default();
    let call = Call::read(&head.method, head.uri.path(), query, &head.headers, body.to_vec());
    let visit = world.enter(&call);
    let ruling = world.rule(&call);
    if !world.latency.is_zero() {
        sleep(world.latency).await;
    }
    for fault in &ruling.faults {
        if let Kind::StallBeforeHeaders { ms } = fault {
            sleep(Duration::from_millis(*ms)).await;
        }
    }
    let answer = answer(&world, &call, &ruling);
    visit.answered(ruling.faults.is_empty() && answer.status < 300);
    on_the_wire(answer, &ruling)
}

/// The first fault that stands in for the answer does; otherwise each one alters it.
fn answer(world: &World, call: &Call, ruling: &Ruling) -> Answer {
    let mut stand_ins =
        ruling.faults.iter().filter_map(|it| spoil::replaced(it, call.endpoint, ruling.now));
    let answer = stand_ins.next().unwrap_or_else(|| api::answer(world, call, ruling));
    ruling.faults.iter().fold(answer, |answer, it| spoil::altered(it, answer))
}

fn on_the_wire(answer: Answer, ruling: &Ruling) -> Response {
    let length = answer.body.len();
    let mut response = Response::new(broken_body(answer.body, &ruling.faults));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    let status_line = response.status().to_string();
    let headers = [
        ("status", status_line),
        ("date", http_date(date(ruling))),
        ("x-request-id", request_id(ruling.request)),
        ("content-length", length.to_string()),
        ("cache-control", "max-age=0, private, must-revalidate".to_owned()),
        ("x-frame-options", "SAMEORIGIN".to_owned()),
        ("x-xss-protection", "1; mode=block".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-runtime", "0.012345".to_owned()),
        ("strict-transport-security", "max-age=63072000; includeSubDomains;".to_owned()),
    ];
    let own = answer.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
    for (name, value) in headers.into_iter().chain(own) {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn date(ruling: &Ruling) -> Moment {
    let mut date = ruling.now;
    for fault in &ruling.faults {
        if let Kind::DateSkew { seconds } = fault {
            date = date.plus_seconds(*seconds);
        }
    }
    date
}

/// In OneLogin's form.
fn request_id(request: u64) -> String {
    let roll = mixed(request);
    let (high, low) = (roll >> 32, roll & 0xffff_ffff);
    format!("{high:08X}-{low:08X}-{:04X}-{:08X}-01BB", request & 0xffff, mixed(roll) >> 32)
}

fn broken_body(body: Vec<u8>, faults: &[Kind]) -> Body {
    for fault in faults {
        if let Kind::Reset { after_bytes } = fault {
            return reset_after(body, *after_bytes);
        }
        if let Kind::StallMidBody { after_bytes, ms } = fault {
            return stalled(body, *after_bytes, Duration::from_millis(*ms));
        }
        if let Kind::SlowBody { bytes_per_second } = fault {
            return slow(body, *bytes_per_second);
        }
    }
    Body::from(body)
}

/// The promised length never comes: the connection is closed instead.
fn reset_after(mut body: Vec<u8>, bytes: usize) -> Body {
    body.truncate(bytes.min(body.len().saturating_sub(1)));
    let cut = io::Error::new(io::ErrorKind::ConnectionReset, "a fault cuts the connection");
    let sent = stream::once(async move { Ok(Bytes::from(body)) });
    // What is sent has to leave before the connection ends.
    let end = stream::once(async move {
        sleep(Duration::from_millis(20)).await;
        Err(cut)
    });
    Body::from_stream(sent.chain(end))
}

fn stalled(body: Vec<u8>, after_bytes: usize, pause: Duration) -> Body {
    let mut head = Bytes::from(body);
    let tail = head.split_off(after_bytes.min(head.len()));
    let sent = stream::once(async move { Ok::<_, Infallible>(head) });
    let rest = stream::once(async move {
        sleep(pause).await;
        Ok(tail)
    });
    Body::from_stream(sent.chain(rest))
}

fn slow(body: Vec<u8>, bytes_per_second: u64) -> Body {
    let pause = Duration::from_secs(1) / u32::try_from(bytes_per_second.max(1)).unwrap_or(u32::MAX);
    let bytes = stream::iter(body).then(move |byte| async move {
        sleep(pause).await;
        Ok::<_, Infallible>(Bytes::copy_from_slice(&[byte]))
    });
    Body::from_stream(bytes)
}
