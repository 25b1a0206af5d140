//! Why somebody is here, or is not: as of now, by the last read, or as a past run saw it.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use reconcile::explain::group::{GroupAnswer, LIFT, explain_group};
use reconcile::explain::hindrance::Hindrance;
use reconcile::explain::{self, Evidence, Explanation};
use reconcile::gate::decisions::Identity;
use reconcile::mapping::Rules;
use reconcile::mapping::existing::Existing;
use reconcile::plan::Absence;
use reconcile::principal::{ExternalId, Grant, Name, Record};

use super::known::{
    Actuals, Everybody, Known, Oracle, hangs_on_others, has_unlisted_groups, known,
};
use super::past::{self, Past};
use super::remedies::{self, Left, Why};
use super::{PeopleError, Stored, actuals, last_read, read_of, retold};
use crate::plans::rejections;
use crate::run::{self, Ready};
use crate::source::onelogin::error::SourceError;
use crate::source::onelogin::replay::{Remedy, Replay};
use crate::source::onelogin::report::ScopeVerdict;
use crate::source::onelogin::scope::suggestion;
use crate::source::onelogin::settings::GroupSource;
use crate::store::plans::decisions::Origin;
use crate::store::plans::rejections::RejectionInForce;
use crate::store::runs::RunId;
use crate::store::runs::changes::{self, RecordedChange};
use crate::store::runs::findings::{self, RecordedFinding};
use crate::store::targets::Target;
use crate::store::{Db, plans};
use crate::sync::rulings::Rulings;
use crate::target::Actual;

/// As of when somebody is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// OneLogin is asked.
    Now,
    /// By the last read that is stored, without a call.
    LastRead,
    /// By the read of a past run, without a call.
    Run(RunId),
}

/// Everybody who matches, each explained.
#[derive(Debug)]
pub struct Explained {
    pub seen: Seen,
    pub people: Vec<Person>,
}

/// Where an answer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Now,
    Stored {
        run: Option<RunId>,
        read_at: Timestamp,
        /// Why OneLogin was not asked, where that was wanted.
        instead: Option<String>,
        compared: Compared,
    },
}

/// Which state of the directories a read is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    Now,
    /// As the run found them, by what was recorded since.
    Then,
    /// What was recorded since is too much: only of the person it is as the run found it.
    ThenOfThem,
}

impl Compared {
    pub fn word(self) -> &'static str {
        match self {
            Compared::Now => "now",
            Compared::Then => "then",
            Compared::ThenOfThem => "then-of-them",
        }
    }

    /// `the directory as it is now`
    pub fn words(self) -> &'static str {
        match self {
            Compared::Now => "the directory as it is now",
            Compared::Then => "the directory as that run found it",
            Compared::ThenOfThem => {
                "their account as that run found it and the rest of the directory as it is now"
            }
        }
    }
}

#[derive(Debug)]
pub struct Person {
    /// Under which a directory holds them, or is to hold them.
    pub id: ExternalId,
    /// By which OneLogin knows them.
    pub source_id: ExternalId,
    pub username: Option<String>,
    pub directories: Vec<InDirectory>,
    /// By what they would take part who do not; the closest come first.
    pub remedies: Vec<Remedy>,
    /// What has to be known besides, in sentences.
    pub remarks: Vec<String>,
    pub last_finding: Option<RecordedFinding>,
    /// What the last run that concerned them did, or held.
    pub last_changes: Vec<(RunId, RecordedChange)>,
}

/// One person and one directory.
#[derive(Debug)]
pub struct InDirectory {
    /// None where the connector has no target yet.
    pub target: Option<Target>,
    pub explanation: Explanation,
    /// Of the group that is asked about.
    pub group: Option<GroupAnswer>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// A username, an e-mail or an id.
    pub user: &'a str,
    /// Why they are in this group, or are not: of the directory or of the source.
    pub group: Option<&'a str>,
}

/// Explains everybody whose username, e-mail or id this is. The settings are those of `ready`,
/// saved or not.
pub async fn explain(
    db: &Db,
    ready: &Ready,
    asked: Asked<'_>,
    view: View,
) -> Result<Explained, PeopleError> {
    let stored = match view {
        View::Now => match asked_now(db, ready, asked).await {
            Err(PeopleError::Source(error)) if error.is_budget() => {
                return instead(db, ready, asked, error).await;
            }
            explained => return explained,
        },
        View::LastRead => last_read(db, &ready.connector).await?,
        View::Run(run) => {
            let rulings = Rulings::of(&ready.connector.settings)?;
            let stored = read_of(db, run).await?;
            return by_read(db, ready, asked, &stored, rulings, AsOf::Run(run)).await;
        }
    };
    by_read(db, ready, asked, &stored, rulings(db, ready).await?, AsOf::Now(None)).await
}

/// By the last read, because too few API calls are left.
async fn instead(
    db: &Db,
    ready: &Ready,
    asked: Asked<'_>,
    error: SourceError,
) -> Result<Explained, PeopleError> {
    let rulings = rulings(db, ready).await?;
    match last_read(db, &ready.connector).await {
        Ok(stored) => {
            let as_of = AsOf::Now(Some(error.to_string()));
            by_read(db, ready, asked, &stored, rulings, as_of).await
        }
        Err(PeopleError::NoRead { .. }) => Err(error.into()),
        Err(other) => Err(other),
    }
}

/// As of when the directories are to be told of.
enum AsOf {
    /// With why OneLogin was not asked, where that was wanted.
    Now(Option<String>),
    /// As a run found them.
    Run(RunId),
}

async fn asked_now(db: &Db, ready: &Ready, asked: Asked<'_>) -> Result<Explained, PeopleError> {
    let explained = Box::pin(now(db, ready, asked)).await;
    run::note_budget(db, ready.connector.id, &ready.source).await;
    explained
}

async fn now(db: &Db, ready: &Ready, asked: Asked<'_>) -> Result<Explained, PeopleError> {
    ready.source.check_budget().await?;
    let settings = &ready.connector.settings;
    let actuals = Arc::new(actuals(db, &ready.targets).await?);
    let oracle = Oracle::Live(&ready.source);
    let hangs_on_others = hangs_on_others(settings)?;
    let asks_for_others =
        hangs_on_others || (asked.group.is_some() && has_unlisted_groups(settings));
    let mut untold = None;
    let everybody = if asks_for_others {
        let everybody = Everybody::of_last_read(db, ready).await;
        everybody.map_err(|why| untold = Some(why)).ok()
    } else {
        None
    };
    let known = known(db, ready, oracle, everybody.as_ref(), asked.user, &actuals).await?;
    let rulings = rulings(db, ready).await?;
    let grounds = Grounds::gather(ready, oracle, everybody.as_ref(), rulings, &actuals).await?;
    let mut people = answers(db, ready, asked, None, known, &grounds).await?;
    if let Some(why) = untold.filter(|_| hangs_on_others) {
        let remark = format!(
            "Whether somebody else would have the same key, username or group name could not be told. {why}"
        );
        for person in &mut people {
            person.remarks.push(remark.clone());
        }
    }
    Ok(Explained { seen: Seen::Now, people })
}

async fn by_read(
    db: &Db,
    ready: &Ready,
    asked: Asked<'_>,
    stored: &Stored,
    rulings: Rulings,
    as_of: AsOf,
) -> Result<Explained, PeopleError> {
    let settings = &ready.connector.settings;
    let retold = retold(&stored.replay, settings)?;
    let now = actuals(db, &ready.targets).await?;
    let named_now = named_now(&now, asked.user);
    let (Past { actuals, compared, remarks }, instead) = match as_of {
        AsOf::Now(instead) => (Past::now(now), instead),
        AsOf::Run(run) => (past::before(db, ready, run, asked.user, &retold, now).await?, None),
    };
    let actuals = Arc::new(actuals);
    let oracle = Oracle::Stored(&retold);
    let asks_for_others =
        hangs_on_others(settings)? || (asked.group.is_some() && has_unlisted_groups(settings));
    let (mut everybody, mut untold) = (None, None);
    if asks_for_others {
        match Everybody::of(&stored.replay, settings).await {
            Ok(all) => everybody = Some(all),
            Err(PeopleError::Unread { why }) => untold = Some(why),
            Err(error) => return Err(error),
        }
    }
    let mut known = known(db, ready, oracle, everybody.as_ref(), asked.user, &actuals).await?;
    if known.is_empty() {
        // Renamed since: whoever has the name now is meant.
        for id in named_now {
            known.extend(
                self::known(db, ready, oracle, everybody.as_ref(), id.as_str(), &actuals).await?,
            );
        }
    }
    let grounds = Grounds::gather(ready, oracle, everybody.as_ref(), rulings, &actuals).await?;
    let mut people = answers(db, ready, asked, Some(&stored.replay), known, &grounds).await?;
    for person in &mut people {
        person.remarks.extend(untold.iter().chain(&remarks).cloned());
    }
    let seen = Seen::Stored { run: stored.run, read_at: stored.read_at, instead, compared };
    Ok(Explained { seen, people })
}

/// Whose account has this username or e-mail, by the source's ids.
fn named_now(actuals: &[(Option<Target>, Actual)], text: &str) -> BTreeSet<ExternalId> {
    let name = Name::new(text.trim());
    let accounts = actuals.iter().flat_map(|(_, actual)| actual.directory.users.values());
    let named = accounts.filter(|it| it.username == name || Name::new(&it.email) == name);
    named.map(|it| it.source_id().clone()).collect()
}

/// What changes of one person are judged by, as those of a run.
pub(super) async fn rulings(db: &Db, ready: &Ready) -> Result<Rulings, PeopleError> {
    let tried = plans::tried(db, ready.connector.id).await?;
    Ok(Rulings::by(&ready.connector.settings, tried.as_deref())?)
}

fn is_out_of_scope(absence: Option<&Absence>) -> bool {
    match absence {
        Some(Absence::OutOfScope(_)) => true,
        Some(Absence::Gone | Absence::Inactive(_) | Absence::Present) | None => false,
    }
}

/// By a read, or by the last one that is stored where OneLogin was asked.
async fn answers(
    db: &Db,
    ready: &Ready,
    asked: Asked<'_>,
    replay: Option<&Arc<Replay>>,
    known: Vec<Known>,
    grounds: &Grounds<'_>,
) -> Result<Vec<Person>, PeopleError> {
    let has_rejections =
        grounds.actuals.iter().any(|(_, it)| !it.in_force.decisions.rejected.is_empty());
    let rejections = if has_rejections {
        rejections::list(db, Some(ready.connector.id)).await?
    } else {
        Vec::new()
    };
    let mut people = Vec::new();
    for known in known {
        // A read that was not of everybody may have no word of somebody.
        let is_untold = known.found.is_none() && known.absence.is_none();
        let mut directories = Vec::new();
        if !is_untold {
            let in_directory = |it| grounds.in_directory(ready, &known, it, asked.group);
            directories = grounds.actuals.iter().map(in_directory).collect();
        }
        let ids = [&known.id, &known.source_id];
        let last_finding = findings::last_of(db, ready.connector.id, ids).await?;
        let last_changes = changes::last_of(db, ready.connector.id, ids).await?;
        let record = known.found.as_ref().map(|it| &it.record);
        let accounts =
            || grounds.actuals.iter().filter_map(|(_, it)| it.directory.users.get(&known.id));
        let in_history = last_changes.iter().find_map(|(_, change)| change.username.clone());
        let username = record.and_then(|it| it.username.as_deref()).map(str::to_owned);
        let username = username.or(accounts().map(|it| it.username.to_string()).next());
        let mut remarks = Vec::new();
        if is_untold {
            remarks.push(
                "The stored read does not tell of them: it has not everybody, and they were not asked for then. Ask about now."
                    .to_owned(),
            );
        }
        let rules = &grounds.rulings.fingerprint;
        let rejected = rejected(&rejections, &directories, &known.id, rules);
        remarks.extend(rejected.iter().map(|it| told(it)));
        tell_how_to_lift(&rejected, &mut directories);
        let has_account = accounts().next().is_some();
        if known.absence == Some(Absence::Gone) && !has_account {
            remarks.push("They are known from earlier runs alone.".to_owned());
        }
        let mut remedies = Vec::new();
        if let Some(left) = left(&known, &directories, grounds) {
            let told = remedies_of(db, ready, replay, left, grounds).await?;
            remedies = told.remedies;
            remarks.extend(told.remark);
        }
        people.push(Person {
            username: username.or(in_history),
            id: known.id,
            source_id: known.source_id,
            directories,
            remedies,
            remarks,
            last_finding,
            last_changes,
        });
    }
    Ok(people)
}

/// Whoever takes no part although the source has them, and why.
fn left(known: &Known, directories: &[InDirectory], grounds: &Grounds<'_>) -> Option<Left> {
    let found = known.found.clone()?;
    let hindrance = || directories.iter().find_map(|it| it.explanation.hindrance.clone());
    let why = if is_out_of_scope(known.absence.as_ref()) {
        Why::OutOfScope(grounds.hindrance_in_scope(known))
    } else {
        Why::Hindered(hindrance()?)
    };
    Some(Left { id: known.id.clone(), found, why })
}

struct Told {
    remedies: Vec<Remedy>,
    remark: Option<String>,
}

/// By what they would take part. What settings would do is told by a read.
async fn remedies_of(
    db: &Db,
    ready: &Ready,
    replay: Option<&Arc<Replay>>,
    left: Left,
    grounds: &Grounds<'_>,
) -> Result<Told, PeopleError> {
    let settings = &ready.connector.settings;
    let replay = match replay {
        Some(replay) => Some(Arc::clone(replay)),
        None => last_read(db, &ready.connector).await.ok().map(|it| it.replay),
    };
    if let Some(replay) = replay.filter(|it| retold(it, settings).is_ok()) {
        let remedies = remedies::remedies(replay, settings, grounds.actuals, left).await?;
        return Ok(Told { remedies, remark: None });
    }
    let at_source = match left.why {
        Why::OutOfScope(_) => None,
        Why::Hindered(it) => remedies::at_source(&it, settings, &ExternalId::to_string),
    };
    let remark = "Simulate once to be told what settings would bring them in, and whom else.";
    Ok(Told { remedies: at_source.into_iter().collect(), remark: Some(remark.to_owned()) })
}

/// What somebody said no to of a person, as long as the source says the same of them, and of the groups
/// that they would come into.
fn rejected<'a>(
    rejections: &'a [RejectionInForce],
    directories: &[InDirectory],
    id: &ExternalId,
    rules: &str,
) -> Vec<&'a RejectionInForce> {
    let concerns = |it: &RejectionInForce, explanation: &Explanation| match &it.rejection.user {
        Some(user) => user == id && it.rejection.is_in_force(&explanation.states, rules),
        None => explanation.plan.steps.iter().any(|step| Identity::of(&step.change) == it.identity),
    };
    let is_in_force = |it: &&RejectionInForce| {
        it.origin == Origin::Sync.word()
            && directories.iter().any(|directory| {
                directory.target.as_ref().is_some_and(|target| target.id == it.target)
                    && concerns(it, &directory.explanation)
            })
    };
    rejections.iter().filter(is_in_force).collect()
}

/// Names the commands where a rejection keeps somebody out of the group that is asked about.
fn tell_how_to_lift(rejected: &[&RejectionInForce], directories: &mut [InDirectory]) {
    for InDirectory { target, explanation: _, group } in directories {
        let (Some(target), Some(group)) = (target, group) else { continue };
        let concerns = |it: &&&RejectionInForce| {
            let of = it.identity.group();
            it.target == target.id && of.is_none_or(|of| of == group.group)
        };
        let codes: Vec<&str> =
            rejected.iter().filter(concerns).map(|it| it.code.as_str()).collect();
        for fix in group.fixes.iter_mut().filter(|it| *it == LIFT) {
            *fix = format!("{LIFT}: rollcall plan lift {}", codes.join(" "));
        }
    }
}

/// Who said no to a change, why, and until when.
fn told(it: &RejectionInForce) -> String {
    let by = if it.said.by.is_empty() { "Somebody" } else { &*it.said.by };
    let at = it.said.at.map(|at| format!(" at {}", at.strftime("%Y-%m-%dT%H:%M:%SZ")));
    let why = match &*it.said.reason {
        "" => String::new(),
        reason => format!(" because: {reason}"),
    };
    let ends = match &it.rejection.user {
        Some(_) => ", or until the source says something else of them",
        None => ", whoever is to be in the group",
    };
    format!(
        "Rejected in {}: {}. {by} said so{} ({}){why}. It lasts until {}{ends}. To lift it: \
             rollcall plan lift {}",
        it.target_name,
        it.words,
        at.unwrap_or_default(),
        it.from(),
        it.until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        it.code
    )
}

/// What people are explained by, whoever they are.
pub(super) struct Grounds<'a> {
    rules: Rules,
    pub(super) rulings: Rulings,
    listed: Vec<Arc<Grant>>,
    existing: Existing<'a>,
    actuals: &'a Actuals,
}

impl<'a> Grounds<'a> {
    pub(super) async fn gather(
        ready: &Ready,
        oracle: Oracle<'_>,
        everybody: Option<&Everybody>,
        rulings: Rulings,
        actuals: &'a Actuals,
    ) -> Result<Grounds<'a>, PeopleError> {
        Ok(Grounds {
            rules: ready.connector.settings.rules()?,
            rulings,
            listed: Everybody::with_groups(everybody, oracle.groups().await?),
            existing: Existing::of(actuals.iter().map(|(_, actual)| &actual.directory)),
            actuals,
        })
    }

    /// As if nobody else changed: whoever has their username keeps it.
    pub(super) fn explanation_alone(&self, known: &Known, actual: &Actual) -> Explanation {
        self.ask(known, &known.rivals, actual, explain::explain)
    }

    /// What would keep somebody from an active account who is out of scope, if they came into it.
    fn hindrance_in_scope(&self, known: &Known) -> Option<Hindrance> {
        let in_scope = |evidence: &Evidence<'_>| {
            explain::explain(&Evidence { absence: None, ..*evidence }).hindrance
        };
        self.actuals.iter().find_map(|(_, actual)| self.ask(known, &[], actual, in_scope))
    }

    fn in_directory(
        &self,
        ready: &Ready,
        known: &Known,
        (target, actual): &(Option<Target>, Actual),
        group: Option<&str>,
    ) -> InDirectory {
        let others: Vec<Record> = known.rivals.iter().chain(&known.holders).cloned().collect();
        let explanation = self.ask(known, &others, actual, explain::explain);
        let group = group.map(|typed| {
            let group = Name::new(typed.trim());
            let from = &ready.connector.settings.source.groups_from;
            let all = [GroupSource::Roles, GroupSource::Group, GroupSource::MemberOf];
            let unread = all.iter().filter(|it| !from.contains(it)).map(|it| it.kind());
            let unread: Vec<&str> = unread.collect();
            let mut answer =
                self.ask(known, &others, actual, |it| explain_group(it, &group, &unread));
            answer.lines.extend(self.near(&group, actual));
            answer
        });
        InDirectory { target: target.clone(), explanation, group }
    }

    /// A group whose name is near, where there is none of that name.
    fn near(&self, group: &Name, actual: &Actual) -> Option<String> {
        let of_source = self.listed.iter().map(|it| &it.group);
        let of_rules = self.rules.groups.assigned.iter().map(|it| &it.group);
        let mut names: Vec<&Name> = actual.directory.groups.keys().collect();
        names.extend(of_source.chain(of_rules));
        if names.contains(&group) {
            return None;
        }
        let names: Vec<&str> = names.into_iter().map(Name::as_str).collect();
        let near = suggestion(group.as_str(), &names);
        (!near.is_empty()).then(|| near.trim().to_owned())
    }

    fn ask<T>(
        &self,
        known: &Known,
        others: &[Record],
        actual: &Actual,
        ask: impl FnOnce(&Evidence<'_>) -> T,
    ) -> T {
        let in_scope_because = match known.found.as_ref().map(|it| &it.scope) {
            Some(ScopeVerdict::InScope { words }) => words,
            Some(ScopeVerdict::OutOfScope { .. }) | None => "",
        };
        ask(&Evidence {
            id: &known.id,
            source_id: &known.source_id,
            record: known.found.as_ref().map(|it| &it.record),
            absence: known.absence.as_ref(),
            others,
            in_scope_because,
            actual: &actual.directory,
            existing: &self.existing,
            listed: &self.listed,
            rules: &self.rules,
            policy: &self.rulings.policy,
            past: &self.rulings.past(actual),
            terms: &self.rulings.terms(&actual.in_force.decisions),
        })
    }
}
