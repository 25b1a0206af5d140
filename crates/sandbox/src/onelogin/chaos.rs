//! Failures by seed: a share of good requests goes wrong in ways that a second try cures.

use super::{
    answer::Shape,
    fault::{Kind, RetryAfter},
    json::Blank,
    people::mixed,
};

/// The same request of the same seed always meets the same fate.
pub(super) fn strike(seed: u64, percent: u8, request: u64) -> Option<Kind> {
    let roll = mixed(seed ^ mixed(request));
    if u64::from(percent) <= roll % 100 {
        return None;
    }
    let status = |status: u16, shape: Shape| Kind::Status {
        status,
        shape,
        message: "temporarily unavailable".to_owned(),
    };
    let kinds = [
        status(502, Shape::Html),
        status(503, Shape::Status),
        status(504, Shape::Messages),
        Kind::TooManyRequests { retry_after: RetryAfter::Seconds(1) },
        Kind::Reset { after_bytes: 20 },
        Kind::TruncatedJson { bytes: 20 },
        Kind::HtmlPage { status: 502 },
    ];
    let at = usize::try_from(roll / 100 % kinds.len() as u64).unwrap_or_default();
    kinds.into_iter().nth(at)
}

/// Fields without a value change their form from call to call, as they do between tenants.
pub(super) fn blank(seed: u64, percent: u8, request: u64) -> Blank {
    if percent == 0 {
        return Blank::AsStored;
    }
    match mixed(seed.rotate_left(17) ^ mixed(request)) % 3 {
        0 => Blank::Null,
        1 => Blank::Empty,
        _ => Blank::AsStored,
    }
}
