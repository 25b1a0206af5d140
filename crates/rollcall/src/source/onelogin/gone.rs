//! Asks what became of people whom a read did not contain.

use std::collections::BTreeMap;
use std::sync::Arc;

use reconcile::plan::{Absence, OutOfScope};
use reconcile::principal::{ExternalId, Record, Standing};

use super::api::{CallError, Endpoint, Session};
use super::assembly::{Vocabulary, external_id};
use super::error::SourceError;
use super::find::found;
use super::pages::incomplete;
use super::read::{IDS_MAX, Question, is_without_v2};
use super::scope::Why;
use super::wire::UserRow;

/// People asked for along with the others, to tell an answer from a silence.
pub(super) const WITNESSES_MAX: usize = 3;

/// People whom one run asks version 1 for, at a call each.
const ASKED_BY_V1_MAX: usize = 200;

impl Session<'_> {
    /// A few who are there, where nobody was read before.
    pub(super) async fn some_of_everybody(
        self,
        question: &Question,
    ) -> Result<Vec<u64>, SourceError> {
        let first = self.first_page(&question.list("")).await.map_err(|it| self.refused(it))?;
        Ok(first.rows.iter().filter_map(|row| row.id).take(WITNESSES_MAX).collect())
    }

    /// One answer for each id; `heard` gets the rows behind them. Witnesses are people whom the read contained: an answer without any
    /// of them is not believed, because "gone" is said by silence.
    pub(super) async fn absences(
        self,
        question: &Question,
        vocabulary: &Vocabulary,
        ids: &[ExternalId],
        witnesses: &[u64],
        heard: &mut Vec<UserRow>,
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
        let size = self.api.shared.page_size(Endpoint::Users.name());
        // An answer has one page, so its witnesses must fit too.
        let room = size.unwrap_or(IDS_MAX).saturating_sub(WITNESSES_MAX);
        let chunk_size = room.clamp(1, IDS_MAX);
        for chunk in numbers.chunks(chunk_size) {
            match self.ask(question, vocabulary, chunk, witnesses, heard).await {
                Ok(answers) => absences.extend(answers),
                Err(CallError::Refused(Endpoint::Users, refusal))
                    if is_without_v2(&refusal)
                        && !self.api.answered().contains(&Endpoint::Users) =>
                {
                    let answers = self.ask_v1(vocabulary, &numbers, witnesses, heard).await;
                    absences.extend(answers.map_err(|it| self.refused(it))?);
                    break;
                }
                Err(error) => return Err(self.refused(error)),
            }
        }
        Ok(absences)
    }

    /// Version 1 tells of one person a call. Whoever is beyond the bound is not answered for, and
    /// keeps everything until a later run.
    async fn ask_v1(
        self,
        vocabulary: &Vocabulary,
        ids: &[u64],
        witnesses: &[u64],
        heard: &mut Vec<UserRow>,
    ) -> Result<Vec<(ExternalId, Absence)>, CallError> {
        let is_there = match witnesses.first() {
            Some(witness) => self.user_v1(*witness).await?.is_some(),
            None => false,
        };
        if !is_there {
            return Err(incomplete("Asked for one who was there just now, OneLogin knows nobody."));
        }
        let mut answers = Vec::new();
        for id in ids.iter().take(ASKED_BY_V1_MAX) {
            let absence = match self.user_v1(*id).await? {
                Some(row) => {
                    let absence = absence_of(&row, vocabulary);
                    heard.push(row);
                    absence
                }
                None => Absence::Gone,
            };
            answers.push((external_id(*id), absence));
        }
        Ok(answers)
    }

    async fn ask(
        self,
        question: &Question,
        vocabulary: &Vocabulary,
        chunk: &[u64],
        witnesses: &[u64],
        heard: &mut Vec<UserRow>,
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
        let absences = chunk.iter().map(|id| (external_id(*id), absence(id))).collect();
        heard.extend(rows.into_iter().filter(|(id, _)| chunk.contains(id)).map(|(_, row)| row));
        Ok(absences)
    }
}

/// What the row of somebody says whom the read did not contain.
pub(super) fn absence_of(row: &UserRow, vocabulary: &Vocabulary) -> Absence {
    let is_whole = row.odd.is_none()
        && vocabulary.wanted.first_absent_from(row.keys).is_none()
        && vocabulary.unreadable_attribute(row).is_none();
    if !is_whole {
        return Absence::Present; // nothing can be told, so nothing may be taken
    }
    let scope = &vocabulary.scope;
    if let Why::OutOfScope { needs, has } = scope.why(row, || vocabulary.words_of(row)) {
        let words = format!("needs {needs}; has {has}").into();
        let asked = vocabulary.tells_leavers.then(|| found(row.clone(), vocabulary));
        // Their groups are those of the account.
        let record = asked.and_then(Result::ok);
        let record = record.map(|it| Arc::new(Record { grants: Vec::new(), ..it.record }));
        return Absence::OutOfScope(OutOfScope { words, record });
    }
    let (standing, words) = vocabulary.statuses.standing(row.status, row.state);
    match standing {
        Standing::Inactive => Absence::Inactive(words),
        Standing::Active
        | Standing::Pending
        | Standing::Kept
        | Standing::KeptOnly
        | Standing::Unknown => Absence::Present,
    }
}
