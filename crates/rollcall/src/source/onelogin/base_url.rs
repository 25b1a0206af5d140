//! The base URL of a OneLogin account, in every form that admins know it.

use reqwest::Url;

const US: &str = "https://api.us.onelogin.com";
const EU: &str = "https://api.eu.onelogin.com";

/// Why a text is no base URL, in a sentence for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadBaseUrl(String);

/// Reads `us`, `eu`, a subdomain, a host or a URL, and gives `https://host` without a slash.
pub fn parse(text: &str) -> Result<String, BadBaseUrl> {
    let text = text.trim();
    if text.is_empty() {
        return bad("The OneLogin base URL is empty. Give us, eu, your subdomain or a URL.");
    }
    if text.chars().any(|it| it.is_control() || it.is_whitespace() || it == '\\') {
        return bad("The OneLogin base URL contains a blank, a backslash or a control character.");
    }
    match text.to_ascii_lowercase().as_str() {
        "us" => return Ok(US.to_owned()),
        "eu" => return Ok(EU.to_owned()),
        _ => {}
    }
    if text.contains("://") {
        return parse_url(text);
    }
    if text.contains('.') || text.contains(':') || text.contains('/') {
        return parse_url(&format!("https://{text}"));
    }
    let is_label = |it: char| it.is_ascii_alphanumeric() || it == '-';
    if !text.chars().all(is_label) || text.starts_with('-') || text.ends_with('-') {
        return bad(&format!(
            "\"{text}\" is not a subdomain of onelogin.com: letters, digits and hyphens only."
        ));
    }
    if text.eq_ignore_ascii_case("localhost") {
        return bad("Write http://localhost:PORT for a sandbox on this machine.");
    }
    parse_url(&format!("https://{text}.onelogin.com"))
}

/// The address of the other region, where there is one.
pub(super) fn other_region(base_url: &str) -> Option<(&'static str, &'static str)> {
    match base_url {
        US => Some(("EU", EU)),
        EU => Some(("US", US)),
        _ => None,
    }
}

fn parse_url(text: &str) -> Result<String, BadBaseUrl> {
    let Ok(url) = Url::parse(text) else {
        return bad(&format!("\"{text}\" is not a URL."));
    };
    let Some(host) = url.host_str() else {
        return bad(&format!("\"{text}\" names no host."));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return bad("The OneLogin base URL must not contain a user name or a password.");
    }
    if url.query().is_some() || url.fragment().is_some() || url.path() != "/" {
        return bad(&format!(
            "The OneLogin base URL is scheme and host alone: {}://{host}",
            url.scheme()
        ));
    }
    match (url.scheme(), is_loopback(host)) {
        ("http", true) | ("https", _) => {}
        ("http", false) => return bad(&format!("Use https://{host}: plain http is refused.")),
        (scheme, _) => return bad(&format!("{scheme}:// is refused: the base URL is https.")),
    }
    if url.port().is_some() && !is_loopback(host) {
        return bad(&format!("The OneLogin base URL has no port: https://{host}"));
    }
    if host.ends_with("onelogin.com.") || matches!(host, "onelogin.com" | "www.onelogin.com") {
        return bad("Give your own address, for example https://acme.onelogin.com");
    }
    if host == "api.onelogin.com" {
        return bad("api.onelogin.com is the old API. Give us, eu or your subdomain.");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

fn bad<T>(sentence: &str) -> Result<T, BadBaseUrl> {
    Err(BadBaseUrl(sentence.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_form_of_a_base_url_is_read() {
        for (text, url) in [
            ("us", "https://api.us.onelogin.com"),
            ("EU", "https://api.eu.onelogin.com"),
            ("acme", "https://acme.onelogin.com"),
            (" acme ", "https://acme.onelogin.com"),
            ("acme.onelogin.com", "https://acme.onelogin.com"),
            ("api.eu.onelogin.com", "https://api.eu.onelogin.com"),
            ("https://Acme.OneLogin.com/", "https://acme.onelogin.com"),
            ("https://login.acme.com", "https://login.acme.com"),
            ("http://127.0.0.1:4711", "http://127.0.0.1:4711"),
            ("http://localhost:80", "http://localhost"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_sentence() {
        for (text, part) in [
            ("", "is empty"),
            ("ac me", "blank"),
            ("ac_me", "subdomain"),
            ("-acme", "subdomain"),
            ("acme/api/2", "scheme and host alone"),
            ("https://acme.onelogin.com/api", "scheme and host alone"),
            ("https://acme.onelogin.com?x", "scheme and host alone"),
            ("http://acme.onelogin.com", "plain http is refused"),
            ("ftp://acme.onelogin.com", "ftp:// is refused"),
            ("https://ada:pw@acme.onelogin.com", "user name"),
            ("https://acme.onelogin.com@evil.test", "user name"),
            ("https://acme.onelogin.com\\@evil.test", "backslash"),
            ("https://acme.onelogin.com:8443", "no port"),
            ("https://api.onelogin.com", "old API"),
            ("https://", "not a URL"),
            ("localhost", "http://localhost"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
