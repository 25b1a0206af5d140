//! `/health-report`: what keeps the service going, each with what to do where it does not.

use askama::Template;
use axum::extract::State;
use jiff::{SignedDuration, Timestamp};

use crate::store::{Db, targets};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::moment::{Moment, count, duration};
use crate::web::page::Page;
use crate::web::pages::connectors;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "health_report.html")]
struct View {
    page: Page,
    checks: Vec<Check>,
    commands: &'static [(&'static str, &'static str)],
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq)]
struct Check {
    /// A state of a station: done, warning, failed, waiting.
    state: &'static str,
    title: String,
    /// What was found, and what to do.
    text: String,
    href: String,
}

/// No command tells all of it; these tell it part by part.
const COMMANDS: &[(&str, &str)] = &[
    ("Version", "rollcall version"),
    ("How connectors stand", "rollcall connector list"),
    ("When targets were read", "rollcall target list"),
    ("Audit log", "rollcall audit verify"),
];

/// More than this between our clock and that of the database server, and times do not add up.
const SKEW_MAX: SignedDuration = SignedDuration::from_secs(5);
/// A product asks every few minutes. One that has been silent this long has stopped.
const SILENCE_MAX: SignedDuration = SignedDuration::from_hours(24);

pub async fn show(State(app): State<App>, visit: Visit) -> Answer {
    let mut checks = vec![
        Check::new("done", "Version", format!("Rollcall {}", env!("CARGO_PKG_VERSION"))),
        database(app.db()).await?,
        writable(app.db()).await,
        clock(app.db()).await?,
        audit(app.db()).await?,
    ];
    for row in connectors::rows(&app, &visit).await? {
        let state = match row.status {
            "Healthy" | "Running" => "done",
            "Held" => "held",
            "Needs attention" => "failed",
            "Late" => "warning",
            _ => "waiting",
        };
        let text = if row.why.is_empty() { row.schedule } else { row.why };
        checks.push(Check {
            href: format!("/connectors/{}", row.id),
            ..Check::new(state, format!("Connector {}: {}", row.name, row.status), text)
        });
        if let Some(gauge) = row.gauge {
            let is_low = gauge.left < gauge.minimum;
            let left = format!(
                "{} of {} left, asked {}; {} stay for others.",
                count(gauge.left),
                count(gauge.limit),
                gauge.asked.map(|it| it.text).unwrap_or_default(),
                count(gauge.minimum)
            );
            let state = if is_low { "warning" } else { "done" };
            checks.push(Check::new(state, format!("API calls of {}", row.name), left));
        }
    }
    for target in targets::list(app.db()).await? {
        checks.push(Check::of_target(&target, visit.now()));
    }
    answer::html(&View { page: visit.page("Health"), checks, commands: COMMANDS })
}

async fn database(db: &Db) -> Result<Check, Refusal> {
    let engine = match db {
        Db::Sqlite(_) => "SQLite, a file on this machine",
        Db::Postgres(_) => "PostgreSQL",
    };
    let text = format!("{engine}, {}.", size(db.size_bytes().await?));
    Ok(Check::new("done", "Database", text))
}

/// `640 KiB`, `12 MiB`
fn size(bytes: u64) -> String {
    let kibibytes = bytes.div_ceil(1024);
    match kibibytes {
        ..1_024 => format!("{kibibytes} KiB"),
        1_024.. => format!("{} MiB", count(kibibytes / 1024)),
    }
}

async fn writable(db: &Db) -> Check {
    match db.check_writable().await {
        Ok(()) => {
            Check::new("done", "Database can be written", "A row was written and taken back.")
        }
        Err(error) if error.is_busy() => Check::new(
            "warning",
            "Database is busy",
            "A long write is under way. Look again later.",
        ),
        Err(error) => Check::new("failed", "Database cannot be written", error.to_string()),
    }
}

async fn clock(db: &Db) -> Result<Check, Refusal> {
    let mut tx = db.snapshot().await?;
    let theirs = tx.now().await?;
    let skew = Timestamp::now().duration_since(theirs).abs();
    tx.rollback().await?;
    Ok(if skew <= SKEW_MAX {
        Check::new("done", "Clock", "It agrees with the clock of the database.")
    } else {
        let text = format!(
            "It differs by {} from the clock of the database. Let both follow a time server.",
            duration(skew)
        );
        Check::new("warning", "Clock", text)
    })
}

async fn audit(db: &Db) -> Result<Check, Refusal> {
    let last =
        crate::store::audit::list(db, &crate::store::audit::Filter::default(), None, 1).await?;
    let entries = last.first().map_or(0, |it| it.seq.unsigned_abs());
    let text = format!("{} entries. Verify walks along all of them.", count(entries));
    Ok(Check { href: "/audit/verify".to_owned(), ..Check::new("done", "Audit log", text) })
}

impl Check {
    fn new(state: &'static str, title: impl Into<String>, text: impl Into<String>) -> Check {
        Check { state, title: title.into(), text: text.into(), href: String::new() }
    }

    fn of_target(target: &targets::Target, now: Timestamp) -> Check {
        let told = |at: Timestamp| Moment::new(at, now).text;
        let (state, text) = match (target.published_at, target.last_read_at) {
            (None, _) => ("waiting", "Nothing was published yet: sync its connector.".to_owned()),
            (Some(at), None) => {
                ("waiting", format!("Published {}. No product has read it yet.", told(at)))
            }
            (Some(at), Some(read)) if SILENCE_MAX < now.duration_since(read) => (
                "warning",
                format!(
                    "Published {}, last read {}. Look whether the product still has the directory.",
                    told(at),
                    told(read)
                ),
            ),
            (Some(at), Some(read)) => {
                ("done", format!("Published {}, last read {}.", told(at), told(read)))
            }
        };
        Check {
            href: "/targets".to_owned(),
            ..Check::new(state, format!("Target {}", target.name), text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::store::connectors::ConnectorId;
    use crate::store::targets::{Target, TargetId, TargetKind};
    use crate::web::answer::samples::{self, HOSTILE, check};
    use reconcile::principal::Name;

    #[test]
    fn a_target_that_nobody_reads_any_more_is_told() {
        let now: Timestamp = "2026-11-25T22:00:00Z".parse().unwrap();
        let hours = |ago: i64| Some(now - SignedDuration::from_hours(ago));
        let told = |published_at, last_read_at| {
            let target = Target {
                id: TargetId(1),
                connector_id: ConnectorId(1),
                connector_name: Name::new("OneLogin"),
                name: Name::new("jira"),
                kind: TargetKind::Crowd,
                application: "jira".to_owned(),
                created_at: now,
                published_at,
                last_read_at,
            };
            let found = Check::of_target(&target, now);
            format!("{}: {}", found.state, found.text)
        };
        assert_eq!(told(None, None), "waiting: Nothing was published yet: sync its connector.");
        assert_eq!(told(hours(3), None), "waiting: Published 3 h ago. No product has read it yet.");
        assert_eq!(told(hours(3), hours(2)), "done: Published 3 h ago, last read 2 h ago.");
        assert!(told(hours(3), hours(25)).starts_with("warning: "));
    }

    #[test]
    fn a_small_database_has_a_size_too() {
        assert_eq!(size(1), "1 KiB");
        assert_eq!(size(655_360), "640 KiB");
        assert_eq!(size(3 << 30), "3,072 MiB");
    }

    #[test]
    fn the_report_shows_every_state() {
        let states = ["done", "warning", "failed", "held", "waiting"];
        let checks = states
            .map(|it| Check { href: "/targets".to_owned(), ..Check::new(it, HOSTILE, HOSTILE) });
        check(&View {
            page: samples::page("Health", "/health-report", Role::Viewer),
            checks: checks.into(),
            commands: COMMANDS,
        });
    }
}
