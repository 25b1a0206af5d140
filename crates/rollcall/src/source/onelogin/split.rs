//! Splits a JSON list into its elements without understanding them, so that one element that no
//! parser takes (a lone surrogate, a number beyond all bounds) does not cost the others.

/// The elements of a list, or nothing where the brackets do not agree.
pub(super) fn elements(body: &[u8]) -> Option<Vec<&[u8]>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    let inner = body.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let mut elements = Vec::new();
    let mut open: Vec<u8> = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while let Some(byte) = inner.get(at) {
        match byte {
            b'"' => at = string_end(inner, at)?,
            b'[' => open.push(b']'),
            b'{' => open.push(b'}'),
            b']' | b'}' if open.pop() != Some(*byte) => return None,
            b',' if open.is_empty() => {
                elements.push(element(inner, start, at)?);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    if !open.is_empty() {
        return None;
    }
    elements.push(element(inner, start, inner.len())?);
    Some(elements)
}

/// The value of the key `id` on the first level of an object.
pub(super) fn id(object: &[u8]) -> Option<u64> {
    let inner = object.trim_ascii().strip_prefix(b"{")?;
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = inner.get(at) {
        match byte {
            b'"' => {
                let end = string_end(inner, at)?;
                if depth == 0
                    && inner.get(at..=end) == Some(br#""id""#)
                    && let Some(value) = inner.get(end + 1..)?.trim_ascii_start().strip_prefix(b":")
                {
                    return digits(value);
                }
                at = end;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
    None
}

fn digits(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let end = value.iter().position(|it| !it.is_ascii_digit())?;
    let (digits, rest) = value.split_at(end);
    let ends_there = matches!(rest.first(), Some(b'"' | b',' | b'}' | b' '));
    ends_there.then(|| str::from_utf8(digits).ok()?.parse().ok())?
}

fn element(inner: &[u8], start: usize, end: usize) -> Option<&[u8]> {
    let element = inner.get(start..end)?.trim_ascii();
    // Two values without a comma in between are no element.
    let is_scalar = !matches!(element.first()?, b'{' | b'[' | b'"');
    let is_one = is_scalar || matches!(element.last()?, b'}' | b']' | b'"');
    let has_gap = is_scalar && element.iter().any(u8::is_ascii_whitespace);
    (is_one && !has_gap).then_some(element)
}

/// The place of the quote that ends the string which begins at `start`.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match text.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at),
            _ => at += 1,
        }
    }
}
