//! Runs and plans as files, written while they are sent.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};

use crate::export::Format;
use crate::export::plan::PlanExport;
use crate::export::run::{Part, RunExport};
use crate::store::StoreError;
use crate::store::plans::changes::Filter;
use crate::store::plans::{self, PlanId};
use crate::store::runs::{self, RunId};
use crate::web::App;
use crate::web::answer::Answer;
use crate::web::refusal::Refusal;

/// `/runs/{id}/export/{file}`: `run.json`, or one list as `changes.csv`, `findings.ndjson`, `log.json`.
pub async fn run(State(app): State<App>, Path((id, file)): Path<(i64, String)>) -> Answer {
    let (what, format) = named(&file).ok_or_else(Refusal::no_page)?;
    let run = runs::find(app.db(), RunId(id)).await?.ok_or_else(Refusal::no_page)?;
    let export = match what {
        "run" => RunExport::whole(app.db(), run, format),
        what => {
            let part = Part::ALL.into_iter().find(|it| it.word() == what);
            RunExport::part(app.db(), run, format, part.ok_or_else(Refusal::no_page)?)
        }
    };
    let pieces = stream::try_unfold(export, async |mut export| {
        Ok(export.next().await?.map(|piece| (piece, export)))
    });
    Ok(file_of(&format!("run-{id}-{what}"), format, pieces))
}

/// `/plans/{id}/export/{file}`: `changes.csv`, `changes.json` or `changes.ndjson`.
pub async fn plan(State(app): State<App>, Path((id, file)): Path<(i64, String)>) -> Answer {
    let named = named(&file).filter(|(what, _)| *what == "changes");
    let (what, format) = named.ok_or_else(Refusal::no_page)?;
    let plan = plans::find(app.db(), PlanId(id)).await?.ok_or_else(Refusal::no_page)?;
    let export = PlanExport::new(app.db(), plan.id, Filter::default(), format);
    let pieces = stream::try_unfold(export, async |mut export| {
        Ok(export.next().await?.map(|piece| (piece, export)))
    });
    Ok(file_of(&format!("plan-{id}-{what}"), format, pieces))
}

/// The name of a file, taken apart: what is in it, and how it is written.
fn named(file: &str) -> Option<(&str, Format)> {
    let (what, ending) = file.rsplit_once('.')?;
    Some((what, Format::from_word(ending)?))
}

/// A file that breaks off does so without an end, so that nobody takes it for whole.
fn file_of(
    name: &str,
    format: Format,
    pieces: impl Stream<Item = Result<Vec<u8>, StoreError>> + Send + 'static,
) -> Response {
    let disposition = format!("attachment; filename=\"{name}.{}\"", format.word());
    let head =
        [(CONTENT_TYPE, format.content_type().to_owned()), (CONTENT_DISPOSITION, disposition)];
    (head, Body::from_stream(pieces)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_what_is_in_it_and_how() {
        assert_eq!(named("changes.csv"), Some(("changes", Format::Csv)));
        assert_eq!(named("run.json"), Some(("run", Format::Json)));
        for none in ["changes", "changes.exe", "", "../x"] {
            assert_eq!(named(none), None, "{none}");
        }
    }
}
