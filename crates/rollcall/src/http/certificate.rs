//! Until when a certificate is valid: the one thing of it that an admin should know in time.

use jiff::Timestamp;
use jiff::civil::DateTime;

/// The `notAfter` of an X.509 certificate in DER.
pub fn valid_until(der: &[u8]) -> Option<Timestamp> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, VERSION)?.1;
    }
    // Serial number, algorithm, issuer; then comes the validity.
    for _ in 0..3 {
        rest = element(rest, *rest.first()?)?.1;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, rest) = element(validity, *validity.first()?)?;
    let kind = *rest.first()?;
    let (text, _) = element(rest, kind)?;
    time(kind, str::from_utf8(text).ok()?)
}

/// The content of the first element, and what follows it.
fn element(der: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (head, rest) = der.split_first()?;
    if *head != kind {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long - 0x80))?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn time(kind: u8, text: &str) -> Option<Timestamp> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let full = match kind {
        // Two digits of a year are of this century below fifty.
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|it| it.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate with nothing in it but its validity.
    fn certificate(times: &[u8]) -> Vec<u8> {
        let wrap = |kind: u8, content: Vec<u8>| {
            let length = u8::try_from(content.len()).expect("short");
            [vec![kind, length], content].concat()
        };
        let version = wrap(0xa0, vec![2, 1, 2]);
        let filler = [wrap(2, vec![1]), wrap(0x30, vec![]), wrap(0x30, vec![])].concat();
        let validity = wrap(0x30, times.to_vec());
        let inner = wrap(0x30, [version, filler, validity].concat());
        wrap(0x30, inner)
    }

    #[test]
    fn the_end_of_validity_is_read_in_both_forms() {
        let utc = [&b"\x17\x0d260101000000Z"[..], b"\x17\x0d270314120000Z"].concat();
        let until = valid_until(&certificate(&utc)).expect("a time");
        assert_eq!(until.to_string(), "2027-03-14T12:00:00Z");
        let general = [&b"\x17\x0d260101000000Z"[..], b"\x18\x0f20510314120000Z"].concat();
        let until = valid_until(&certificate(&general)).expect("a time");
        assert_eq!(until.to_string(), "2051-03-14T12:00:00Z");
    }

    #[test]
    fn a_certificate_cut_at_any_byte_tells_nothing() {
        let utc = [&b"\x17\x0d260101000000Z"[..], b"\x17\x0d270314120000Z"].concat();
        let whole = certificate(&utc);
        for end in 0..whole.len() {
            assert_eq!(valid_until(&whole[..end]), None, "{end}");
        }
    }
}
