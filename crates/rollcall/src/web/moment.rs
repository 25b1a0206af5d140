//! Times as people read them: how long ago, with the exact time beside it.

use jiff::{SignedDuration, Timestamp};
use reconcile::figure as numbers;

/// For `ui::time(moment.text, moment.exact, moment.iso)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// `3 min ago`
    pub text: String,
    /// `2026-11-25 22:14:03 UTC`
    pub exact: String,
    /// For machines.
    pub iso: String,
}

impl Moment {
    pub fn new(at: Timestamp, now: Timestamp) -> Moment {
        Moment {
            text: told(at, now),
            exact: at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            iso: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }
}

fn told(at: Timestamp, now: Timestamp) -> String {
    let since = now.duration_since(at);
    // What was written a moment after the request came in.
    let is_now = since.abs() < SignedDuration::from_secs(1);
    if since < SignedDuration::ZERO && !is_now {
        return format!("in {}", left(since.abs()));
    }
    if since < SignedDuration::from_secs(10) {
        return "just now".to_owned();
    }
    format!("{} ago", duration(since))
}

/// As [`duration`], of time that somebody has: of two days and 23 hours nobody should lose a day.
fn left(length: SignedDuration) -> String {
    match (length.as_hours() / 24, length.as_hours() % 24) {
        (..2, _) | (_, 0) => duration(length),
        (days, hours) => format!("{days} days {hours} h"),
    }
}

/// `850 ms`, `48 s`, `12 min`, `3 h`, `5 days`: the largest unit that fits.
pub fn duration(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    match seconds {
        ..1 => format!("{} ms", length.as_millis()),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        172_800.. => format!("{} days", seconds / 86_400),
    }
}

/// A sentence that the command line says, too, with its times as people read them.
pub fn in_words(sentence: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches(['.', ',', ':', ';']);
        match bare.parse::<Timestamp>() {
            Ok(at) => {
                let rest = word.get(bare.len()..).unwrap_or_default();
                format!("{}{rest}", Moment::new(at, at).exact)
            }
            Err(_) => word.to_owned(),
        }
    };
    sentence.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// `1 change`, `12,345 changes`; for templates, as [`figure`].
pub fn counted(number: &u64, one: &str, many: &str) -> String {
    numbers::counted(usize::try_from(*number).unwrap_or(usize::MAX), one, many)
}

/// As [`count`], for templates, in which every field is a reference.
pub fn figure(number: &u64) -> String {
    count(*number)
}

/// `12,345`
pub fn count(number: u64) -> String {
    numbers::figure(usize::try_from(number).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds_ago: i64, expected: &str) {
        let now: Timestamp = "2026-11-25T22:14:03Z".parse().unwrap();
        let at = now - SignedDuration::from_secs(seconds_ago);
        assert_eq!(Moment::new(at, now).text, expected);
    }

    #[test]
    fn a_moment_is_told_in_the_largest_unit_that_fits() {
        check(0, "just now");
        check(48, "48 s ago");
        check(150, "2 min ago");
        check(3_600, "60 min ago");
        check(7_200, "2 h ago");
        check(86_400 * 5, "5 days ago");
        check(-600, "in 10 min");
        check(-86_400, "in 24 h");
        check(-86_400 * 3, "in 3 days");
        check(1 - 86_400 * 3, "in 2 days 23 h");
        let now = Timestamp::UNIX_EPOCH;
        let at = now + SignedDuration::from_millis(1);
        assert_eq!(Moment::new(at, now).text, "just now");
    }

    #[test]
    fn a_sentence_tells_its_times_as_people_read_them() {
        let sentence = "Paused by ada since 2026-11-24T10:30:00Z: Move of 24.  See 2026-11-24.";
        let expected = "Paused by ada since 2026-11-24 10:30:00 UTC: Move of 24.  See 2026-11-24.";
        assert_eq!(in_words(sentence), expected);
    }

    #[test]
    fn large_numbers_have_commas() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
