//! `member_of`: one text of distinguished names, joined by `;`.

/// One entry: the whole of it, and the group's name in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// The unique key: two units may hold groups of one name.
    pub(super) dn: &'a str,
    pub(super) name: Box<str>,
}

/// The entries, without blank ones.
pub(super) fn entries(joined: &str) -> impl Iterator<Item = Entry<'_>> {
    split(joined, ';')
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(|dn| Entry { dn, name: name(dn) })
}

/// The value of the first part, where the text looks like a distinguished name; else all of it.
pub(super) fn name(dn: &str) -> Box<str> {
    let first = split(dn, ',').next().unwrap_or(dn);
    let Some((kind, value)) = first.split_once('=') else { return dn.into() };
    let kind = kind.trim();
    let is_attribute = kind.starts_with(|it: char| it.is_ascii_alphabetic() || it.is_ascii_digit())
        && kind.chars().all(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '.'));
    let value = trim_unescaped(value);
    if !is_attribute || value.is_empty() {
        return dn.into();
    }
    unescape(value).into()
}

/// Splits at a separator that no backslash precedes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    text.split(move |it: char| {
        let splits = it == separator && !is_escaped;
        is_escaped = it == '\\' && !is_escaped;
        splits
    })
}

/// Trims blanks, except for one at the end that a backslash protects.
fn trim_unescaped(text: &str) -> &str {
    let trimmed = text.trim_start();
    let end = trimmed.trim_end();
    let slashes = end.chars().rev().take_while(|it| *it == '\\').count();
    if slashes.is_multiple_of(2) || end.len() == trimmed.len() {
        return end;
    }
    trimmed.get(..=end.len()).unwrap_or(end)
}

/// `\,` is a comma and `\2C` is one too; runs of the latter form may be UTF-8.
fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let hex = after.get(..2).and_then(|it| str::from_utf8(it).ok());
        match hex.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => match after.split_first() {
                Some((escaped, after)) => {
                    bytes.push(*escaped);
                    rest = after;
                }
                None => bytes.push(b'\\'),
            },
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_first_part_of_each_entry() {
        for (text, names) in [
            ("CN=Devs,OU=Groups,DC=acme,DC=test;CN=VPN Users,DC=acme", "Devs|VPN Users"),
            ("cn = Devs , ou=x", "Devs"),
            (r"CN=Smith\, Lee,OU=x;CN=Smith\2C Lee,OU=y", "Smith, Lee|Smith, Lee"),
            (r"CN=a\;b,OU=x;CN=c", "a;b|c"),
            (r"CN=back\\;CN=next", r"back\|next"),
            (r"CN=M\C3\BCnchen,OU=x", "München"),
            (r"CN=bad\FFhex", r"bad\FFhex"),
            (r"CN=tail\ ,OU=x", "tail "),
            ("EngineeringTeam", "EngineeringTeam"),
            ("a, b", "a, b"),
            ("=x", "=x"),
            ("CN=,OU=x", "CN=,OU=x"),
            ("cn=1+1=2", "1+1=2"),
            ("2.5.4.3=Devs", "Devs"),
            (" ; ;CN=A; ", "A"),
            ("", ""),
            (r"CN=end\", r"end\"),
        ] {
            let found: Vec<_> = entries(text).map(|it| it.name.into_string()).collect();
            assert_eq!(found.join("|"), names, "{text}");
        }
    }

    #[test]
    fn the_whole_entry_is_its_key() {
        let found: Vec<_> = entries("CN=Devs,OU=a; CN=Devs,OU=b").map(|it| it.dn).collect();
        assert_eq!(found, ["CN=Devs,OU=a", "CN=Devs,OU=b"]);
    }
}
