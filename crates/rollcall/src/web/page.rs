//! What surrounds every page: the frame of `templates/base.html`.

use crate::web::status::Role;

/// What the frame needs to know. A page's template has it as its field `page`.
#[derive(Clone, Debug)]
pub struct Page {
    /// The title of the window, without the name of the product.
    pub title: String,
    /// Path and query of this page, to come back to.
    pub path: String,
    /// Where this page is found, where it answers another address; empty where it does not.
    pub address: String,
    /// The form whose contents go along when another theme is chosen.
    pub kept: Option<Kept>,
    /// Whoever is signed in. Without, the frame is a lone card: signing in, setting up.
    pub account: Option<Account>,
    pub nav: Vec<NavEntry>,
    pub theme: Theme,
    /// Whether keys act as shortcuts.
    pub shortcuts: bool,
    /// The token that every form sends along.
    pub csrf: String,
    /// What the last action did.
    pub flash: Option<Flash>,
    /// The worst thing that somebody should know on any page.
    pub status_bar: Option<StatusBar>,
    /// Where the guide is.
    pub help: String,
    /// Addresses of the static files, which change with their content.
    pub stylesheet: String,
    pub script: String,
    pub favicon: String,
}

/// A form of a page that is shown again, as it is filled in, when another theme is chosen.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The `id` of the form.
    pub form: &'static str,
    /// Where it is sent to; the route must be one that shows a form again.
    pub action: String,
}

#[derive(Clone, Debug)]
pub struct Account {
    pub name: String,
    pub email: String,
    /// The role in words: `Admin`.
    pub role: &'static str,
}

/// One line of the side navigation.
#[derive(Clone, Debug)]
pub struct NavEntry {
    pub name: &'static str,
    pub href: &'static str,
    pub icon: &'static str,
    /// Whether this page belongs to it.
    pub current: bool,
    /// How much waits there.
    pub count: u64,
    /// Whether a gap stands before it.
    pub apart: bool,
}

#[derive(Clone, Debug)]
pub struct Flash {
    pub role: Role,
    pub text: String,
}

/// One line under the top bar.
#[derive(Clone, Debug)]
pub struct StatusBar {
    pub role: Role,
    pub icon: &'static str,
    pub text: String,
    /// The way to what must be done, and its words.
    pub href: String,
    pub action: String,
    /// How many lesser things wait behind it.
    pub more: usize,
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the browser says.
    #[default]
    System,
    Light,
    Dark,
}

/// The lines of the navigation, in their order.
const NAV: [(&str, &str, &str, bool); 10] = [
    ("Overview", "/", "overview", false),
    ("Connectors", "/connectors", "connector", false),
    ("Runs", "/runs", "run", false),
    ("Approvals", "/approvals", "approval", false),
    ("Directory", "/users", "directory", false),
    ("Explain", "/explain", "explain", false),
    ("Targets", "/targets", "target", false),
    ("Audit log", "/audit", "audit", true),
    ("Health", "/health-report", "health", false),
    ("Settings", "/settings", "settings", false),
];

/// The navigation as it looks from the page at `path`, with `approvals` plans that wait.
pub fn nav(path: &str, approvals: u64) -> Vec<NavEntry> {
    NAV.into_iter()
        .map(|(name, href, icon, apart)| NavEntry {
            name,
            href,
            icon,
            current: belongs(path, href),
            count: if href == "/approvals" { approvals } else { 0 },
            apart,
        })
        .collect()
}

/// Whether the page at `path` is found under the line that leads to `href`.
fn belongs(path: &str, href: &str) -> bool {
    let under =
        |root: &str| path == root || path.strip_prefix(root).is_some_and(|it| it.starts_with('/'));
    match href {
        "/" => path == "/",
        "/users" => under("/users") || under("/groups"),
        "/approvals" => under("/approvals") || under("/rejections") || under("/plans"),
        href => under(href),
    }
}

impl Page {
    /// With a form that is not lost when another theme is chosen.
    #[must_use]
    pub fn keeping(self, form: &'static str, action: impl Into<String>) -> Page {
        Page { kept: Some(Kept { form, action: action.into() }), ..self }
    }
}

impl Theme {
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    pub fn all(self) -> [Self; 3] {
        Self::ALL
    }

    /// As forms and the cookie spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    /// The class of the whole page.
    pub fn class(self) -> &'static str {
        match self {
            Self::System => "",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// A word of a form or of the cookie; what is not understood follows the system.
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|it| it.word() == word).unwrap_or_default()
    }
}

impl Flash {
    pub fn icon(&self) -> &'static str {
        match self.role {
            Role::Success => "check",
            Role::Danger => "error",
            Role::Warning => "warning",
            Role::Held => "hand",
            Role::Neutral | Role::Running => "info",
        }
    }
}

#[cfg(test)]
mod tests;
