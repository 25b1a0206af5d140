//! The commands that pages show, as they have to be typed on this machine.
//!
//! Pages say `rollcall sync NAME`, as guides do. Where the service was told by flags or variables where
//! its data is, that alone would work with other data, or with none.

use std::fmt::Display;
use std::sync::Arc;

use crate::web::site::Site;

/// What a command begins with where nothing was said.
pub const PLAIN: &str = "rollcall";

tokio::task_local! {
    static SITE: Arc<Site>;
}

/// Answers a request whose pages show the commands of a site.
pub async fn of<T>(site: Arc<Site>, answer: impl Future<Output = T>) -> T {
    SITE.scope(site, answer).await
}

/// One or more commands, a line each.
pub fn typed(text: impl Display) -> String {
    let text = text.to_string();
    SITE.try_with(|site| begun(&text, &site.command)).unwrap_or(text)
}

fn begun(text: &str, begin: &str) -> String {
    let line = |line: &str| match line.strip_prefix(PLAIN) {
        Some(rest) if rest.starts_with(' ') => format!("{begin}{rest}"),
        Some(_) | None => line.to_owned(),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_is_a_command_begins_as_this_machine_needs_it() {
        let begin = "/opt/rollcall --data-dir /srv";
        for (text, told) in [
            ("rollcall plan list", "/opt/rollcall --data-dir /srv plan list"),
            (
                "rollcall run list\nrollcall sync 'rollcall x'",
                "/opt/rollcall --data-dir /srv run list\n/opt/rollcall --data-dir /srv sync 'rollcall x'",
            ),
            ("rollcall-backup now", "rollcall-backup now"),
            ("", ""),
        ] {
            assert_eq!(begun(text, begin), told);
        }
    }

    #[tokio::test]
    async fn without_a_request_a_command_is_as_guides_say_it() {
        assert_eq!(typed("rollcall plan list"), "rollcall plan list");
        let site = Site { command: "rollcall --allow-loopback".to_owned(), ..Site::direct() };
        let told = of(Arc::new(site), async { typed("rollcall plan list") }).await;
        assert_eq!(told, "rollcall --allow-loopback plan list");
    }
}
