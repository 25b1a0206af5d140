//! Finds one person by username, e-mail or id.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reconcile::principal::fold;

use super::api::{CallError, Endpoint, Session};
use super::assembly::{Assembly, Vocabulary};
use super::error::SourceError;
use super::names::Kind;
use super::pages::{Sink, incomplete};
use super::read::{IDS_MAX, Question, unreadable_person, whole_page};
use super::report::{Found, ScopeVerdict};
use super::scope::Why;
use super::wire::UserRow;

impl Session<'_> {
    /// Everybody whose username, e-mail or id is this text, without regard to case.
    pub(super) async fn find(
        self,
        question: &Question,
        vocabulary: &Vocabulary,
        text: &str,
    ) -> Result<Vec<Found>, SourceError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let mut question = question.clone();
        let is_extra = !question.asks_for("updated_at");
        if is_extra {
            question.fields.push("updated_at");
        }
        let rows = match self.search(&question, text).await {
            Err(CallError::Refused(_, refusal))
                if is_extra && refusal.blamed_field() == Some("updated_at") =>
            {
                question.fields.retain(|it| *it != "updated_at");
                self.search(&question, text).await
            }
            rows => rows,
        };
        let rows = rows.map_err(|it| self.refused(it))?;
        rows.into_iter().map(|row| found(row, vocabulary)).collect()
    }

    /// Everybody whose username or e-mail this is, whichever of the two.
    pub(super) async fn namesakes(
        self,
        question: &Question,
        vocabulary: &Vocabulary,
        text: &str,
    ) -> Result<Vec<Found>, SourceError> {
        let mut rows: BTreeMap<Option<u64>, UserRow> = BTreeMap::new();
        for filter in ["username", "email"] {
            let found = self.search_by(question, filter, text.trim()).await;
            let found = found.map_err(|it| self.refused(it))?;
            rows.extend(found.into_iter().map(|row| (row.id, row)));
        }
        Ok(readable(rows.into_values(), vocabulary))
    }

    /// Those of these who are there, in one call.
    pub(super) async fn people(
        self,
        question: &Question,
        vocabulary: &Vocabulary,
        mut ids: Vec<u64>,
    ) -> Result<Vec<Found>, SourceError> {
        ids.truncate(IDS_MAX);
        let rows = self.users_by_id(question, ids).await.map_err(|it| self.refused(it))?;
        Ok(readable(rows, vocabulary))
    }

    async fn search(self, question: &Question, text: &str) -> Result<Vec<UserRow>, CallError> {
        if let Ok(id) = text.parse::<u64>() {
            let rows = self.users_by_id(question, vec![id]).await?;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        let filters =
            if text.contains('@') { ["email", "username"] } else { ["username", "email"] };
        for filter in filters {
            let rows = self.search_by(question, filter, text).await?;
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }

    async fn search_by(
        self,
        question: &Question,
        filter: &str,
        text: &str,
    ) -> Result<Vec<UserRow>, CallError> {
        let path = format!(
            "/api/2/users?{filter}={}&fields={}&limit=50&page=1",
            utf8_percent_encode(text, NON_ALPHANUMERIC),
            question.fields.join(",")
        );
        let Some(rows) = self.get(Endpoint::Users, &path, whole_page).await? else {
            return Err(incomplete(format!("OneLogin does not filter users by {filter}.")));
        };
        let wanted = fold(text);
        let is_it = |value: &Option<Box<str>>| {
            value.as_deref().is_some_and(|value| fold(value.trim()) == wanted)
        };
        Ok(rows.into_iter().filter(|row| is_it(&row.username) || is_it(&row.email)).collect())
    }
}

/// Whoever a run could read, too: the others are withheld, and in nobody's way.
pub(super) fn readable(
    rows: impl IntoIterator<Item = UserRow>,
    vocabulary: &Vocabulary,
) -> Vec<Found> {
    rows.into_iter().filter_map(|row| found(row, vocabulary).ok()).collect()
}

/// What a row tells of a person, in scope or not.
pub(super) fn found(row: UserRow, vocabulary: &Vocabulary) -> Result<Found, SourceError> {
    if let Some(field) = row.odd.or(vocabulary.wanted.first_absent_from(row.keys)) {
        return Err(unreadable_person(field));
    }
    if let Some(path) = vocabulary.unreadable_attribute(&row) {
        return Err(unreadable_person(path));
    }
    let scope = &vocabulary.scope;
    let verdict = match scope.why(&row, || vocabulary.words_of(&row)) {
        Why::InScope { words } => ScopeVerdict::InScope { words: words.into() },
        Why::OutOfScope { needs, has } => {
            ScopeVerdict::OutOfScope { needs: needs.into(), has: has.into() }
        }
    };
    let updated_at = row.updated_at.clone();
    let mut unnamed = Vec::new();
    // Scope is told above: the record is of interest even outside of it.
    let vocabulary = Vocabulary { scope: std::sync::Arc::default(), ..vocabulary.clone() };
    let mut assembly = Assembly::new(vocabulary);
    assembly.take(vec![row.clone()]);
    for kind in [Kind::Role, Kind::Group] {
        let ids = assembly.unnamed(kind);
        unnamed.extend(ids.iter().map(|id| format!("{} #{id}", kind.word())));
        let looked = ids.into_iter().map(|id| (id, super::names::Looked::Gone)).collect();
        assembly.name(kind, &looked);
    }
    let record = assembly.finish()?.records.pop();
    let record = record.ok_or_else(|| unreadable_person("id"))?;
    Ok(Found { record, scope: verdict, updated_at, unnamed, row })
}
