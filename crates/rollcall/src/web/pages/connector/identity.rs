//! Name, address and credential of a connector as fields of a form.

use reqwest::Url;

use super::field::Wrong;
use crate::notation::choices::{base_url_of, client_id_of};
use crate::secret::Secret;
use crate::store::connectors::Connector;
use crate::store::names;
use crate::web::form::Form;

/// What stands in the fields.
#[derive(Debug)]
pub struct Identity {
    pub name: String,
    /// `us`, `eu`, `own` or `other`.
    pub region: String,
    pub subdomain: String,
    pub url: String,
    pub client_id: String,
    /// `Set on 3 Nov 2026 by ana@example.com.`; empty where none is set.
    pub secret_set: String,
    /// One was typed that is not saved, and has to be typed again.
    pub secret_is_due: bool,
    /// What is wrong with a field.
    pub wrong: Wrong,
}

/// What was read from the fields; of what is wrong, a harmless value.
#[derive(Debug)]
pub struct Read {
    pub name: String,
    pub base_url: String,
    pub client_id: String,
    pub secret: Option<Secret>,
}

/// What is said of a secret that was typed and not saved: no page shows it, not even to whoever typed it.
pub const TYPE_AGAIN: &str =
    "Type the new Client Secret again: it is not saved yet, and no page shows one again.";
/// The other way out, where one is saved.
pub const OR_KEEP: &str = "Or tick that the saved one stays.";

/// The field that remembers that a secret was typed, and the tick that gives it up.
const SECRET_DUE: &str = "client-secret-due";
const SECRET_KEPT: &str = "client-secret-kept";

const US: &str = "https://api.us.onelogin.com";
const EU: &str = "https://api.eu.onelogin.com";

impl Identity {
    /// Before anybody typed.
    pub fn empty() -> Identity {
        Identity {
            name: "OneLogin".to_owned(),
            region: "us".to_owned(),
            subdomain: String::new(),
            url: String::new(),
            client_id: String::new(),
            secret_set: String::new(),
            secret_is_due: false,
            wrong: Wrong::new(),
        }
    }

    pub fn stored(connector: &Connector, secret_set: String) -> Identity {
        let base_url = connector.settings.source.base_url.as_str();
        let (region, subdomain, url) = match base_url {
            US => ("us", "", ""),
            EU => ("eu", "", ""),
            base_url => match subdomain_of(base_url) {
                Some(subdomain) => ("own", subdomain, ""),
                None => ("other", "", base_url),
            },
        };
        Identity {
            name: connector.name.as_str().to_owned(),
            region: region.to_owned(),
            subdomain: subdomain.to_owned(),
            url: url.to_owned(),
            client_id: connector.settings.source.client_id.clone(),
            secret_set,
            secret_is_due: false,
            wrong: Wrong::new(),
        }
    }

    /// As somebody typed it, but for the secret.
    pub fn typed(form: &Form, secret_set: String, wrong: Wrong) -> Identity {
        let typed = |name| form.raw(name).to_owned();
        Identity {
            name: typed("name"),
            region: typed("base-url"),
            subdomain: typed("subdomain"),
            url: typed("url"),
            client_id: typed("client-id"),
            secret_set,
            secret_is_due: false,
            wrong,
        }
    }

    /// Says beside its field that the secret is to be typed again.
    pub fn remember_secret(&mut self) {
        self.secret_is_due = true;
        self.wrong.entry("client-secret".to_owned()).or_insert_with(|| TYPE_AGAIN.to_owned());
    }

    /// The names of the fields in which something else stands than in those.
    pub fn changed(&self, saved: &Identity) -> Vec<&'static str> {
        let fields = [
            ("name", &self.name, &saved.name),
            ("base-url", &self.region, &saved.region),
            ("subdomain", &self.subdomain, &saved.subdomain),
            ("url", &self.url, &saved.url),
            ("client-id", &self.client_id, &saved.client_id),
        ];
        let changed = fields.into_iter().filter(|(_, here, there)| here.trim() != there.trim());
        let secret = self.secret_is_due.then_some("client-secret");
        changed.map(|(name, ..)| name).chain(secret).collect()
    }

    pub fn error(&self, field: &str) -> &str {
        self.wrong.get(field).map_or("", String::as_str)
    }

    pub fn is_region(&self, region: &str) -> bool {
        self.region == region
    }
}

/// Whether a secret was typed into this form before, and nobody said that it is given up.
pub fn is_secret_due(form: &Form) -> bool {
    form.checked(SECRET_DUE) && !form.checked(SECRET_KEPT)
}

/// Reads name, address and credential, and notes what is wrong.
pub fn read(form: &mut Form, allow_loopback: bool, wrong: &mut Wrong) -> Read {
    let name = form.raw("name").trim().to_owned();
    if let Err(error) = names::checked_name("connector", &name) {
        wrong.insert("name".to_owned(), error.to_string());
    }
    let address = match form.raw("base-url") {
        "own" => form.raw("subdomain"),
        "other" => form.raw("url"),
        region => region,
    };
    let base_url = base_url_of(address, allow_loopback).unwrap_or_else(|why| {
        let why = if address.trim().is_empty() {
            "Choose where your OneLogin account is, and type its address where one is asked for."
                .to_owned()
        } else {
            // What a command takes is for the whole service here.
            why.replace("add --allow-loopback", "start the service with --allow-loopback")
        };
        wrong.insert("base-url".to_owned(), why);
        String::new()
    });
    let client_id = client_id_of(form.raw("client-id")).unwrap_or_else(|why| {
        wrong.insert("client-id".to_owned(), why);
        String::new()
    });
    // Pasting brings blanks along that no secret has.
    let secret = form.raw("client-secret").trim();
    let secret = (!secret.is_empty()).then(|| Secret::new(secret.to_owned()));
    Read { name, base_url, client_id, secret }
}

fn subdomain_of(base_url: &str) -> Option<&str> {
    let is_url = Url::parse(base_url).is_ok_and(|it| it.scheme() == "https");
    let label = base_url.strip_prefix("https://")?.strip_suffix(".onelogin.com")?;
    (is_url && !label.contains(['.', ':', '/'])).then_some(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_this_machine_a_page_says_what_the_service_takes() {
        let mut form =
            Form::parse(b"name=x&client-id=y&base-url=other&url=http%3A%2F%2Flocalhost").unwrap();
        let mut wrong = Wrong::new();
        read(&mut form, false, &mut wrong);
        let why = &wrong["base-url"];
        assert!(why.ends_with("start the service with --allow-loopback."), "{why}");
    }

    #[test]
    fn only_a_label_before_onelogin_com_is_a_subdomain() {
        for (url, label) in [
            ("https://acme.onelogin.com", Some("acme")),
            ("https://api.eu.onelogin.com", None),
            ("https://login.acme.com", None),
            ("http://127.0.0.1:4711", None),
        ] {
            assert_eq!(subdomain_of(url), label, "{url}");
        }
    }
}
