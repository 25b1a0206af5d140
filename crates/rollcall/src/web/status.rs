//! The closed list of status words, each with the colour of whoever must act and an icon.

use std::fmt;

use askama::filters::{Html, HtmlSafe, escape};

use crate::web::icon::icon;

/// Who must act, which is what a colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Off, or nothing to say.
    Neutral,
    /// Done.
    Success,
    /// At work.
    Running,
    /// We retry; nobody must act.
    Warning,
    /// You must act.
    Danger,
    /// A decision waits.
    Held,
}

impl Role {
    pub const ALL: [Role; 6] =
        [Role::Neutral, Role::Success, Role::Running, Role::Warning, Role::Danger, Role::Held];

    /// The class that colours it.
    pub fn class(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Success => "success",
            Self::Running => "running",
            Self::Warning => "warning",
            Self::Danger => "danger",
            Self::Held => "held",
        }
    }
}

/// Role and icon of a status word, as a person reads it or as commands and the database write it
/// (`succeeded-with-skips`). A word that is not of the list is grey, with a dot.
pub fn appearance(word: &str) -> (Role, &'static str) {
    match word.to_lowercase().replace('-', " ").as_str() {
        // Runs.
        "queued" | "pending" => (Role::Running, "clock"),
        "running" => (Role::Running, "run"),
        "stopping" => (Role::Running, "stop"),
        "succeeded" | "healthy" | "in sync" | "done" | "approved" | "applied" => {
            (Role::Success, "check")
        }
        "succeeded with skips" => (Role::Success, "skip"),
        "failed" | "needs attention" | "rejected" => (Role::Danger, "error"),
        "stopped" => (Role::Neutral, "stop"),
        "skipped" | "left out" => (Role::Neutral, "skip"),
        // Health of connectors.
        "late" => (Role::Warning, "clock"),
        "held" | "waiting" => (Role::Held, "hand"),
        "paused" => (Role::Neutral, "pause"),
        "draft" => (Role::Neutral, "rename"),
        // Kinds of changes.
        "create" | "create group" | "add to group" => (Role::Success, "plus"),
        "reactivate" => (Role::Success, "play"),
        "update" | "rename" | "adopt group" | "make local" => (Role::Warning, "rename"),
        "adopt" => (Role::Held, "link"),
        "deactivate" => (Role::Danger, "pause"),
        "remove" | "anonymise" | "remove group" | "remove from group" => (Role::Danger, "minus"),
        "no change" => (Role::Neutral, "equal"),
        // Records.
        "conflict" => (Role::Danger, "conflict"),
        "out of scope" => (Role::Neutral, "minus"),
        "protected" => (Role::Neutral, "lock"),
        word if word.starts_with("skipped") => (Role::Neutral, "skip"),
        _ => (Role::Neutral, "dot"),
    }
}

/// A status word with its colour and icon, in sentence case.
pub fn lozenge(word: &str) -> Lozenge {
    let (role, icon) = appearance(word);
    Lozenge { role, icon, word: sentence_case(word) }
}

/// The sign of a kind of change, for the first column of a table: `+ ~ -`. Screen readers skip it;
/// the word stands beside it.
pub fn sign(kind: &str) -> Sign {
    match appearance(kind).0 {
        Role::Success => Sign("add", "+"),
        Role::Warning | Role::Running => Sign("update", "~"),
        Role::Danger => Sign("remove", "\u{2212}"),
        Role::Held => Sign("held", "!"),
        Role::Neutral => Sign("same", "="),
    }
}

/// The mark of a station: of an explanation, a checklist, or the phases of a run. States: `done`,
/// `running`, `warning`, `failed`, `held`, `skipped`, `stopped`, `note`; anything else waits for its turn.
pub fn station(state: &str) -> Station {
    match state {
        "done" => Station(Role::Success, "check", "Done"),
        "running" => Station(Role::Running, "run", "Running"),
        "warning" => Station(Role::Warning, "warning", "Warning"),
        "failed" => Station(Role::Danger, "cross", "Failed"),
        "held" => Station(Role::Held, "hand", "Held"),
        "skipped" => Station(Role::Neutral, "skip", "Skipped"),
        "stopped" => Station(Role::Neutral, "stop", "Stopped"),
        "note" => Station(Role::Neutral, "info", "Note"),
        _ => Station(Role::Neutral, "dot", "Not yet"),
    }
}

fn sentence_case(word: &str) -> String {
    let spaced = word.replace('-', " ");
    let mut letters = spaced.chars();
    let Some(first) = letters.next() else {
        return spaced;
    };
    first.to_uppercase().chain(letters).collect()
}

/// What stands in a page for a status word.
#[derive(Clone, Debug)]
pub struct Lozenge {
    role: Role,
    icon: &'static str,
    word: String,
}

impl fmt::Display for Lozenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(word) = escape(&self.word, Html);
        write!(
            formatter,
            r#"<span class="lozenge {}">{}{word}</span>"#,
            self.role.class(),
            icon(self.icon)
        )
    }
}

impl HtmlSafe for Lozenge {}

/// A coloured sign: its class and its letter.
#[derive(Clone, Copy, Debug)]
pub struct Sign(&'static str, &'static str);

impl fmt::Display for Sign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(class, letter) = self;
        write!(formatter, r#"<span class="sign {class}" aria-hidden="true">{letter}</span>"#)
    }
}

impl HtmlSafe for Sign {}

/// A round mark with a word that only screen readers say.
#[derive(Clone, Copy, Debug)]
pub struct Station(Role, &'static str, &'static str);

impl fmt::Display for Station {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(role, name, word) = self;
        write!(
            formatter,
            r#"<span class="station-mark {}">{}<span class="visually-hidden">{word}</span></span>"#,
            role.class(),
            icon(name)
        )
    }
}

impl HtmlSafe for Station {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_word_has_its_colour_an_icon_and_itself() {
        let held = lozenge("Held").to_string();
        assert!(held.starts_with(r#"<span class="lozenge held"><svg"#), "{held}");
        assert!(held.ends_with("</svg>Held</span>"), "{held}");
    }

    #[test]
    fn a_word_of_the_database_is_shown_in_sentence_case() {
        let skips = lozenge("succeeded-with-skips").to_string();
        assert!(skips.starts_with(r#"<span class="lozenge success">"#), "{skips}");
        assert!(skips.ends_with("</svg>Succeeded with skips</span>"), "{skips}");
    }

    #[test]
    fn every_kind_of_change_has_a_sign() {
        for (kind, letter) in [
            ("create", "+"),
            ("add-to-group", "+"),
            ("update", "~"),
            ("deactivate", "\u{2212}"),
            ("remove-from-group", "\u{2212}"),
            ("no change", "="),
        ] {
            assert!(sign(kind).to_string().contains(&format!(">{letter}<")), "{kind}");
        }
    }

    #[test]
    fn a_word_from_elsewhere_is_shown_as_text() {
        let odd = lozenge("<b>").to_string();
        assert!(odd.ends_with("&#60;b&#62;</span>"), "{odd}");
    }
}
