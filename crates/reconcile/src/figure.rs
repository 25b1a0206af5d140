//! Numbers as people read them.

/// `12,345`
pub fn figure(number: usize) -> String {
    let digits = number.to_string();
    let mut told = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if 0 < at && (digits.len() - at).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// `1 change`, `12,345 changes`
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", figure(number), if number == 1 { one } else { many })
}

/// So many changes of a kind, by the word of [`crate::plan::Change::word`]: `3 updates`.
pub fn changes_of(kind: &str, number: usize) -> String {
    let (one, many) = match kind {
        "create" => ("creation", "creations"),
        "reactivate" => ("reactivation", "reactivations"),
        "rename" => ("rename", "renames"),
        "update" => ("update", "updates"),
        "create-group" => ("new group", "new groups"),
        "adopt-group" => ("adopted group", "adopted groups"),
        "make-local" => ("group made local again", "groups made local again"),
        "add-to-group" => ("addition to a group", "additions to groups"),
        "remove-from-group" => ("removal from a group", "removals from groups"),
        "deactivate" => ("deactivation", "deactivations"),
        "anonymise" => ("anonymisation", "anonymisations"),
        "remove" => ("removal", "removals"),
        "remove-group" => ("removed group", "removed groups"),
        // A word that is newer than this list is told as it is.
        kind => (kind, kind),
    };
    counted(number, one, many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_thousands_and_one_is_told_as_one() {
        for (number, told) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(figure(number), told);
        }
        assert_eq!(counted(1, "person", "people"), "1 person");
        assert_eq!(counted(20_480, "person", "people"), "20,480 people");
        assert_eq!(changes_of("add-to-group", 1_204), "1,204 additions to groups");
        assert_eq!(changes_of("deactivate", 1), "1 deactivation");
        assert_eq!(changes_of("graduate", 2), "2 graduate");
    }
}
