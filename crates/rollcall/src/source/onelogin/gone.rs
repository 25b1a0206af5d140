//! Asks what became of people whom a read did not contain.

use std::collections::BTreeMap;

use reconcile::plan::Absence;
use reconcile::principal::{ExternalId, Standing};

use super::api::{CallError, Session};
use super::assembly::{Vocabulary, external_id, standing};
use super::error::SourceError;
use super::pages::incomplete;
use super::read::{IDS_MAX, Question};
use super::wire::UserRow;

/// People asked for along with the others, to tell an answer from a silence.
pub(super) const WITNESSES_MAX: usize = 3;

impl Session<'_> {
    /// One answer for each id. Witnesses are people whom the read contained: an answer without any
    /// of them is not believed, because "gone" is said by silence.
    pub(super) async fn absences(
        self,
        question: &Question,
        vocabulary: &Vocabulary,
        ids: &[ExternalId],
        witnesses: &[u64],
    ) -> Result<BTreeMap<ExternalId, Absence>, SourceError> {
        let mut absences = BTreeMap::new();
        let mut numbers = Vec::new();
        for id in ids {
            match id.as_str().parse::<u64>() {
                Ok(number) if external_id(number) == *id => numbers.push(number),
                // OneLogin never gave such an id, so it cannot say that it is gone.
                Ok(_) | Err(_) => drop(absences.insert(id.clone(), Absence::Present)),
            }
        }
        let size = self.api.shared.page_size(super::api::Endpoint::Users.name());
        // An answer has one page, so its witnesses must fit too.
        let room = size.unwrap_or(IDS_MAX).saturating_sub(WITNESSES_MAX);
        let chunk_size = room.clamp(1, IDS_MAX);
        for chunk in numbers.chunks(chunk_size) {
            let asked = self.ask(question, vocabulary, chunk, witnesses).await;
            absences.extend(asked.map_err(|it| self.refused(it))?);
        }
        Ok(absences)
    }

    async fn ask(
        self,
        question: &Question,
        vocabulary: &Vocabulary,
        chunk: &[u64],
        witnesses: &[u64],
    ) -> Result<Vec<(ExternalId, Absence)>, CallError> {
        let mut asked = chunk.to_vec();
        asked.extend(witnesses.iter().filter(|it| !chunk.contains(it)));
        let rows = self.users_by_id(question, asked).await?;
        let rows: BTreeMap<u64, UserRow> =
            rows.into_iter().filter_map(|row| Some((row.id?, row))).collect();
        // One or another may have been deleted since the read, but hardly all of them.
        if !witnesses.is_empty() && !witnesses.iter().any(|it| rows.contains_key(it)) {
            return Err(incomplete(
                "Asked for people by id, OneLogin left out everybody who was there just now.",
            ));
        }
        let absence = |id: &u64| match rows.get(id) {
            Some(row) => absence_of(row, vocabulary),
            None => Absence::Gone,
        };
        Ok(chunk.iter().map(|id| (external_id(*id), absence(id))).collect())
    }
}

/// What the row of somebody says whom the read did not contain.
fn absence_of(row: &UserRow, vocabulary: &Vocabulary) -> Absence {
    let is_whole = row.odd.is_none() && vocabulary.wanted.first_absent_from(row.keys).is_none();
    if !is_whole {
        return Absence::Present; // nothing can be told, so nothing may be taken
    }
    let scope = &vocabulary.scope;
    if !scope.is_everybody() && scope.met_by(row).is_none() {
        let has = vocabulary.words_of(row);
        return Absence::OutOfScope(format!("needs {}, has {has}", scope.words()).into());
    }
    let (standing, words) = standing(row.status, row.state);
    match standing {
        Standing::Inactive => Absence::Inactive(words),
        Standing::Active | Standing::Pending | Standing::Unknown => Absence::Present,
    }
}
