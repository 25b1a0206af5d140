//! Cookies: which ones there are, and how they are written.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue};

/// A browser takes a cookie whose name begins with `__Host-` only over https, from this host alone.
const SESSION_SECURE: &str = "__Host-rollcall";
/// Over plain http, which is for one's own machine.
const SESSION_PLAIN: &str = "rollcall";
pub const THEME: &str = "rollcall-theme";
pub const SHORTCUTS: &str = "rollcall-shortcuts";
/// What went well, for the page that follows.
pub const FLASH: &str = "rollcall-flash";

pub fn session(is_https: bool) -> &'static str {
    if is_https { SESSION_SECURE } else { SESSION_PLAIN }
}

/// The value of a cookie.
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = pairs.flat_map(|it| it.split(';')).filter_map(|it| it.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

/// A cookie that ends with the browser. `value` has no character that a cookie may not have.
pub fn set(name: &str, value: &str, is_https: bool) -> Option<HeaderValue> {
    write(name, value, None, is_https)
}

/// A cookie for a year: a preference, nothing else.
pub fn keep(name: &str, value: &str, is_https: bool) -> Option<HeaderValue> {
    write(name, value, Some(365 * 24 * 60 * 60), is_https)
}

pub fn forget(name: &str, is_https: bool) -> Option<HeaderValue> {
    write(name, "", Some(0), is_https)
}

fn write(name: &str, value: &str, seconds: Option<u32>, is_https: bool) -> Option<HeaderValue> {
    let secure = if is_https { "; Secure" } else { "" };
    let age = seconds.map(|it| format!("; Max-Age={it}")).unwrap_or_default();
    let text = format!("{name}={value}; Path=/{age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; rollcall=x=y".parse().unwrap());
        headers.append(COOKIE, "b=2".parse().unwrap());
        assert_eq!(read(&headers, "rollcall"), Some("x=y"));
        assert_eq!(read(&headers, "b"), Some("2"));
        assert_eq!(read(&headers, "roll"), None);
    }

    #[test]
    fn a_session_cookie_over_https_belongs_to_this_host_alone() {
        let cookie = set(session(true), "x", true).unwrap();
        assert_eq!(cookie, "__Host-rollcall=x; Path=/; HttpOnly; SameSite=Lax; Secure");
        let cookie = set(session(false), "x", false).unwrap();
        assert_eq!(cookie, "rollcall=x; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(set("a", "b\r\nc: d", true), None);
    }
}
