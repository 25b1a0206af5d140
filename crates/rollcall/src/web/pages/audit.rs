//! `/audit`: who did what, from where, when and why; as a file; and whether it is as it was written.

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use futures_util::stream;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::export::Format;
use crate::export::audit::AuditExport;
use crate::notation::shell_word;
use crate::store::audit::chain::{self, Verdict};
use crate::store::audit::changes::{self, Change};
use crate::store::audit::{self, Action, Filter, Recorded};
use crate::web::App;
use crate::web::answer::{self, Answer};
use crate::web::moment::Moment;
use crate::web::page::Page;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

const ROWS_MAX: u32 = 50;

/// What the address says: the filter, and where the page begins.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Days, in UTC: from the beginning of one to the end of the other.
    from: String,
    to: String,
    actor: String,
    noun: String,
    verb: String,
    object: String,
    before: Option<i64>,
}

#[derive(Debug, Template)]
#[template(path = "audit.html")]
struct View {
    page: Page,
    asked: Asked,
    nouns: Vec<&'static str>,
    verbs: Vec<&'static str>,
    rows: Vec<Row>,
    /// The address of the page with older entries; empty where there are none.
    older: String,
    /// The address of the first page; empty where this is it.
    newest: String,
    /// What follows `?` in the addresses of files.
    query: String,
    is_filtered: bool,
    /// What is wrong with the filter; empty where nothing is.
    wrong: &'static str,
    /// What the page lists and its files hold, as commands.
    commands: Vec<(&'static str, String)>,
}

#[derive(Debug)]
struct Row {
    seq: i64,
    at: Moment,
    actor: String,
    origin: String,
    what: String,
    object: String,
    /// A page about the object; empty where there is none.
    href: String,
    reason: String,
    changes: Vec<Changed>,
    hash: String,
    previous_hash: String,
}

#[derive(Debug)]
struct Changed {
    setting: String,
    before: String,
    after: String,
    is_secret: bool,
}

#[derive(Debug, Template)]
#[template(path = "audit_verify.html")]
struct VerifyView {
    page: Page,
    /// The end of the chain, `42:9f86..`, or what is wrong.
    anchor: String,
    broken: String,
    command: &'static str,
}

pub async fn show(State(app): State<App>, visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let (filter, wrong) = match asked.filter() {
        Ok(filter) => (filter, ""),
        Err(wrong) => (Filter::default(), wrong),
    };
    let mut entries = audit::list(app.db(), &filter, asked.before, ROWS_MAX + 1).await?;
    let has_older = usize::try_from(ROWS_MAX).is_ok_and(|max| max < entries.len());
    entries.truncate(usize::try_from(ROWS_MAX).unwrap_or(usize::MAX));
    let last = entries.last().map(|it| it.seq).filter(|_| has_older);
    let query = asked.query();
    let older = last.map(|seq| format!("/audit?{query}&before={seq}")).unwrap_or_default();
    let newest = asked.before.map(|_| format!("/audit?{query}")).unwrap_or_default();
    let rows = entries.into_iter().map(|it| row(it, visit.now())).collect();
    let mut nouns: Vec<&str> = Action::ALL.map(|it| it.words().0).into();
    nouns.sort_unstable();
    nouns.dedup();
    let mut verbs: Vec<&str> = Action::ALL.map(|it| it.words().1).into();
    verbs.sort_unstable();
    verbs.dedup();
    answer::html(&View {
        page: visit.page("Audit log"),
        is_filtered: asked.is_filtered(),
        commands: asked.commands(),
        asked,
        nouns,
        verbs,
        rows,
        older,
        newest,
        query,
        wrong,
    })
}

/// The entries of the filter as a file, which is sent while it is read.
pub async fn export(
    State(app): State<App>,
    Path(format): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let format = Format::from_word(&format).ok_or_else(Refusal::no_page)?;
    let filter = asked.filter().map_err(|wrong| Refusal::BadRequest(wrong.to_owned()))?;
    let export = AuditExport::new(app.db(), filter, format);
    let pieces = stream::try_unfold(export, |mut export| async move {
        let piece = export.next().await?;
        Ok::<_, crate::store::StoreError>(piece.map(|it| (it, export)))
    });
    let name = format!("attachment; filename=\"rollcall-audit.{}\"", format.word());
    let headers = [(CONTENT_TYPE, format.content_type().to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Walks along the whole chain.
pub async fn verify(State(app): State<App>, visit: Visit) -> Answer {
    let verdict = chain::verify(app.db(), None).await?;
    let (anchor, broken) = match verdict {
        Verdict::Whole(anchor) => (format!("{}:{}", anchor.seq, anchor.hash), String::new()),
        Verdict::Broken(found) => (String::new(), found.to_string()),
    };
    let page = visit.page("Verify the audit log");
    answer::html(&VerifyView { page, anchor, broken, command: "rollcall audit verify" })
}

impl Asked {
    fn filter(&self) -> Result<Filter, &'static str> {
        const WRONG: &str = "Give days as year-month-day, for example 2026-11-25.";
        let day = |text: &str| -> Result<Option<Date>, &'static str> {
            match text.trim() {
                "" => Ok(None),
                text => text.parse().map(Some).map_err(|_| WRONG),
            }
        };
        let beginning = |day: Date| -> Result<Timestamp, &'static str> {
            day.to_zoned(TimeZone::UTC).map(|it| it.timestamp()).map_err(|_| WRONG)
        };
        let since = day(&self.from)?.map(beginning).transpose()?;
        let until = match day(&self.to)? {
            Some(day) => Some(beginning(day.tomorrow().map_err(|_| WRONG)?)?),
            None => None,
        };
        let word = |text: &str| text.trim().to_owned();
        Ok(Filter {
            since,
            until,
            actor: word(&self.actor),
            noun: word(&self.noun),
            verb: word(&self.verb),
            object: word(&self.object),
        })
    }

    fn fields(&self) -> [(&'static str, &str); 6] {
        let Asked { from, to, actor, noun, verb, object, before: _ } = self;
        [
            ("from", from),
            ("to", to),
            ("actor", actor),
            ("noun", noun),
            ("verb", verb),
            ("object", object),
        ]
    }

    fn is_filtered(&self) -> bool {
        self.fields().iter().any(|(_, value)| !value.trim().is_empty())
    }

    fn query(&self) -> String {
        let fields = self.fields().into_iter().filter(|(_, value)| !value.is_empty());
        let pair =
            |(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        fields.map(pair).collect::<Vec<String>>().join("&")
    }

    fn commands(&self) -> Vec<(&'static str, String)> {
        let flags = self.flags();
        let before = self.before.map(|it| format!(" --before {it}")).unwrap_or_default();
        vec![
            ("Show", format!("rollcall audit list{flags}{before}")),
            ("Download", format!("rollcall audit export --format csv{flags}")),
        ]
    }

    fn flags(&self) -> String {
        let until = self.filter().ok().and_then(|it| it.until);
        let mut flags = String::new();
        for (name, value) in self.fields() {
            let (flag, value) = match name {
                "from" => ("since", value.trim().to_owned()),
                // The command ends before a day, the page after it.
                "to" => {
                    let day = until.map(|at| at.strftime("%Y-%m-%d").to_string());
                    ("until", day.unwrap_or_default())
                }
                other => (other, value.trim().to_owned()),
            };
            if !value.is_empty() {
                flags.extend([" --", flag, " ", &shell_word(&value)]);
            }
        }
        flags
    }
}

fn row(entry: Recorded, now: Timestamp) -> Row {
    let href = match entry.noun.as_str() {
        "run" if entry.object_id.parse::<i64>().is_ok() => format!("/runs/{}", entry.object_id),
        "connector" if entry.object_id.parse::<i64>().is_ok() && entry.verb != "delete" => {
            format!("/connectors/{}", entry.object_id)
        }
        _ => String::new(),
    };
    let object = match (entry.object_name.as_str(), entry.object_id.as_str()) {
        ("", id) => id.to_owned(),
        (name, id) if entry.noun == "run" => format!("{id} of {name}"),
        (name, _) => name.to_owned(),
    };
    Row {
        seq: entry.seq,
        at: Moment::new(entry.at, now),
        actor: entry.actor,
        origin: entry.origin,
        what: format!("{} {}", entry.noun, entry.verb),
        object,
        href,
        reason: entry.reason,
        changes: changes::read(&entry.changes).unwrap_or_default().iter().map(changed).collect(),
        hash: entry.hash,
        previous_hash: entry.previous_hash,
    }
}

fn changed(change: &Change) -> Changed {
    let text = |value: &Option<serde_json::Value>| match value {
        None => String::new(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    Changed {
        setting: change.setting.clone(),
        before: text(&change.before),
        after: text(&change.after),
        is_secret: change.secret,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::Role;
    use crate::web::answer::samples::{self, HOSTILE, check};

    fn recorded(noun: &str) -> Recorded {
        Recorded {
            seq: 7,
            at: "2026-11-25T22:14:03Z".parse().unwrap(),
            actor_kind: "account".to_owned(),
            actor: HOSTILE.to_owned(),
            origin: HOSTILE.to_owned(),
            noun: noun.to_owned(),
            verb: "edit".to_owned(),
            object_id: "3".to_owned(),
            object_name: HOSTILE.to_owned(),
            changes: serde_json::json!([
                { "setting": HOSTILE, "before": HOSTILE, "after": 7 },
                { "setting": "client_secret", "secret": true },
            ])
            .to_string(),
            reason: HOSTILE.to_owned(),
            previous_hash: "0f".to_owned(),
            hash: "1f".to_owned(),
        }
    }

    fn view(rows: Vec<Row>, asked: Asked) -> View {
        View {
            page: samples::page("Audit log", "/audit", Role::Viewer),
            query: asked.query(),
            is_filtered: asked.is_filtered(),
            commands: asked.commands(),
            asked,
            nouns: vec!["run"],
            verbs: vec!["start"],
            rows,
            older: "/audit?before=7".to_owned(),
            newest: String::new(),
            wrong: "",
        }
    }

    #[test]
    fn the_log_shows_entries_and_none() {
        let now = "2026-11-25T22:20:03Z".parse().unwrap();
        let rows = ["run", "connector", "plan"].map(|noun| row(recorded(noun), now));
        assert_eq!(rows[0].href, "/runs/3");
        let asked = Asked { actor: HOSTILE.to_owned(), ..Asked::default() };
        check(&view(rows.into(), asked.clone()));
        check(&view(vec![], asked));
        check(&view(vec![], Asked::default()));
        for (anchor, broken) in [("7:1f", ""), ("", HOSTILE)] {
            check(&VerifyView {
                page: samples::page("Verify", "/audit/verify", Role::Viewer),
                anchor: anchor.to_owned(),
                broken: broken.to_owned(),
                command: "rollcall audit verify",
            });
        }
    }

    #[test]
    fn the_address_is_the_filter() {
        let asked = Asked {
            from: "2026-11-24".to_owned(),
            to: "2026-11-24".to_owned(),
            actor: "ana & jo".to_owned(),
            ..Asked::default()
        };
        assert_eq!(asked.query(), "from=2026%2D11%2D24&to=2026%2D11%2D24&actor=ana%20%26%20jo");
        let filter = asked.filter().unwrap();
        assert_eq!(filter.since.unwrap().to_string(), "2026-11-24T00:00:00Z");
        assert_eq!(filter.until.unwrap().to_string(), "2026-11-25T00:00:00Z");
        let told = asked.commands().remove(0).1;
        let flags = "--since 2026-11-24 --until 2026-11-25 --actor 'ana & jo'";
        assert_eq!(told, format!("rollcall audit list {flags}"));
        for odd in ["yesterday", "2026-13-01", "9999-12-31"] {
            let asked = Asked { to: odd.to_owned(), ..Asked::default() };
            assert!(asked.filter().is_err(), "{odd}");
        }
    }
}
