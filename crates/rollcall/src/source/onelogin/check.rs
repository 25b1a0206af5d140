//! The connection test: everything that a read needs, tried one after the other.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reconcile::figure::figure;
use reconcile::finding::{Finding, FindingKind};
use reconcile::principal::FieldPaths;

use super::api::{Api, Endpoint, Odd, Session};
use super::assembly::{Assembly, Vocabulary};
use super::base_url;
use super::credential;
use super::error::{SourceError, span};
use super::names::{Kind, Names};
use super::pages::Sink;
use super::read::Question;
use super::report::{CheckStep, CheckWord, Checklist};
use super::scope;
use super::settings::GroupSource;
use super::wire::{self, Keys, UserRow};
use crate::http::fault::Fault;
use crate::http::{Reply, address, certificate};

/// A test is watched by somebody: it tries each call once more and no longer.
const ATTEMPTS_MAX: u32 = 2;

const CERTIFICATE_DAYS_MIN: i64 = 21;
const CLOCK_SECONDS_MAX: i64 = 60;

const STEPS: [&str; 10] = [
    "Name resolves",
    "Secure connection",
    "Clock",
    "Credential accepted",
    "API calls left",
    "May read users",
    "May read roles",
    "May read groups",
    "Required OneLogin Groups",
    "Sample",
];

struct Checking<'a> {
    steps: Vec<CheckStep>,
    tell: &'a (dyn Fn(&CheckStep) + Sync),
}

/// What a step came to, before it has a place in the list.
struct Outcome {
    word: CheckWord,
    text: String,
    fix: Option<String>,
}

impl Outcome {
    fn ok(text: impl Into<String>) -> Outcome {
        Outcome { word: CheckWord::Ok, text: text.into(), fix: None }
    }

    fn warning(text: impl Into<String>, fix: &str) -> Outcome {
        Outcome { word: CheckWord::Warning, text: text.into(), fix: Some(fix.to_owned()) }
    }

    fn failed(text: impl Into<String>) -> Outcome {
        Outcome { word: CheckWord::Failed, text: text.into(), fix: None }
    }

    fn fix(self, fix: impl Into<String>) -> Outcome {
        Outcome { fix: Some(fix.into()), ..self }
    }
}

impl Checking<'_> {
    /// Adds the next step of the list.
    fn step(&mut self, outcome: Outcome, took: Option<Duration>) {
        let Outcome { word, text, fix } = outcome;
        let name = STEPS.get(self.steps.len()).copied().unwrap_or_default();
        let step = CheckStep { name, word, text, fix, took };
        (self.tell)(&step);
        self.steps.push(step);
    }

    /// Everything that is left depends on the step that failed.
    fn give_up(&mut self) {
        while self.steps.len() < STEPS.len() {
            let text = "needs the step above".to_owned();
            self.step(Outcome { word: CheckWord::NotTried, text, fix: None }, None);
        }
    }
}

pub(super) async fn check(
    api: &Api,
    kept: &FieldPaths,
    tell: &(dyn Fn(&CheckStep) + Sync),
) -> Checklist {
    let mut checking = Checking { steps: Vec::new(), tell };
    let http = api.http.with_attempts(ATTEMPTS_MAX);
    let settings = api.settings.clone();
    let tried = Api::new(settings, api.secret().clone(), http, api.shared.clone());
    let (sample, calls, left) = match tried {
        Ok(api) => {
            let sample = run(&api, kept, &mut checking).await;
            let (meter, now) = (api.meter(), Instant::now());
            (sample, meter.calls(now).total(), meter.left_since(now))
        }
        Err(error) => {
            checking.step(Outcome::failed(error.to_string()), None);
            (None, 0, None)
        }
    };
    checking.give_up();
    Checklist { steps: checking.steps, calls, left, sample }
}

/// Runs the steps up to the first one without which the others make no sense.
async fn run(
    api: &Api,
    kept: &FieldPaths,
    checking: &mut Checking<'_>,
) -> Option<reconcile::principal::Record> {
    let session = api.with(&|_| {});
    let began = Instant::now();
    let resolved = resolve(api).await;
    let is_resolved = resolved.word != CheckWord::Failed;
    checking.step(resolved, Some(began.elapsed()));
    if !is_resolved {
        return None;
    }
    let began = Instant::now();
    let token = session.fresh_token().await.map_err(|it| session.error(it));
    let took = began.elapsed();
    if let Err(SourceError::Unreachable { fault }) = &token {
        checking.step(unconnected(fault), Some(took));
        return None;
    }
    checking.step(connected(api), None);
    checking.step(clock(api), None);
    let credential = match &token {
        Ok(token) => {
            let left = token.good_until.saturating_duration_since(Instant::now());
            Outcome::ok(format!("token valid {}", span(left)))
        }
        Err(error) => refused_credential(api, error).await,
    };
    checking.step(credential, Some(took));
    token.ok()?;
    checking.step(budget(session).await, None);
    let question = match Question::of(session, kept) {
        Ok(question) => question,
        Err(error) => {
            checking.give_up_after(&error);
            return None;
        }
    };
    let row = users(session, &question, checking).await?;
    let roles = names(session, &question, Kind::Role, checking).await;
    let groups = names(session, &question, Kind::Group, checking).await;
    let (Some(roles), Some(groups)) = (roles, groups) else {
        return None;
    };
    checking.step(required(session, &question, &roles, &groups), None);
    sample(session, &question, row, roles, groups, checking)
}

impl Checking<'_> {
    /// The required groups cannot even be read; nothing after them can be tried.
    fn give_up_after(&mut self, error: &SourceError) {
        while self.steps.len() + 2 < STEPS.len() {
            let text = "needs the required groups to be mended".to_owned();
            self.step(Outcome { word: CheckWord::NotTried, text, fix: None }, None);
        }
        self.step(Outcome::failed(error.to_string()), None);
    }
}

async fn resolve(api: &Api) -> Outcome {
    let host = api.host().trim_start_matches('[').trim_end_matches(']');
    let allow_loopback = api.http.limits().allow_loopback;
    let found: Vec<IpAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => match tokio::net::lookup_host((host, 443)).await {
            Ok(found) => found.map(|it| it.ip()).collect(),
            Err(_) => Vec::new(),
        },
    };
    if found.is_empty() {
        return Outcome::failed(format!("{host} has no address."))
            .fix("Check the spelling of the base URL, and the name server of this machine.");
    }
    for address in &found {
        if let Some(why) = address::refusal(*address, allow_loopback) {
            let blocked = address::Blocked { host: host.to_owned(), address: *address, why };
            return Outcome::failed(blocked.to_string());
        }
    }
    let count = found.len();
    let plural = if count == 1 { "address" } else { "addresses" };
    let kind = if found.iter().all(IpAddr::is_loopback) { "on this machine" } else { "public" };
    Outcome::ok(format!("{host} -> {count} {plural}, {kind}"))
}

fn unconnected(fault: &Fault) -> Outcome {
    Outcome::failed(fault.to_string())
}

fn connected(api: &Api) -> Outcome {
    if api.base().scheme() == "http" {
        return Outcome::ok("plain http, on this machine alone");
    }
    let until = api.peer().certificate.as_deref().and_then(certificate::valid_until);
    let Some(until) = until else {
        return Outcome::ok("certificate accepted");
    };
    let now = Timestamp::now();
    let days = until.duration_since(now).as_secs() / 86_400;
    let text = format!("certificate valid until {} ({days} days)", until.strftime("%-d %b %Y"));
    if days < CERTIFICATE_DAYS_MIN {
        return Outcome::warning(text, "It ends soon: ask whoever runs that address to renew it.");
    }
    Outcome::ok(text)
}

fn clock(api: &Api) -> Outcome {
    let Some(ahead) = api.peer().clock_ahead else {
        return Outcome::ok("OneLogin tells no time");
    };
    let side = if ahead < 0 { "behind" } else { "ahead" };
    let text = format!("ours is {} s {side}", ahead.abs());
    if CLOCK_SECONDS_MAX < ahead.abs() {
        return Outcome::warning(text, "Set this machine's clock by a time server (NTP).");
    }
    Outcome::ok(text)
}

async fn refused_credential(api: &Api, error: &SourceError) -> Outcome {
    let refused = Outcome::failed(error.to_string());
    if !matches!(error, SourceError::Credential { .. }) {
        return refused;
    }
    let Some((region, base_url)) = base_url::other_region(&api.settings.base_url) else {
        return refused;
    };
    let mut settings = api.settings.clone();
    base_url.clone_into(&mut settings.base_url);
    let shared = credential::shared(&settings, api.secret());
    let Ok(other) = Api::new(settings, api.secret().clone(), api.http.clone(), shared) else {
        return refused;
    };
    if other.with(&|_| {}).fresh_token().await.is_err() {
        return refused;
    }
    let ours = if region == "EU" { "US" } else { "EU" };
    Outcome::failed(format!(
        "This credential is unknown at the {ours} address. It belongs to the {region} address."
    ))
    .fix(format!("Set the base URL to {} ({base_url}).", region.to_ascii_lowercase()))
}

/// A number of calls: `4,998`.
fn calls(number: u64) -> String {
    figure(usize::try_from(number).unwrap_or(usize::MAX))
}

async fn budget(session: Session<'_>) -> Outcome {
    let minimum = session.api.settings.minimum_remaining_api_calls;
    match session.allowance().await {
        Ok(told) => {
            let text = format!(
                "{} of {}, full again in {}; minimum you set: {}",
                calls(told.remaining),
                calls(told.limit),
                span(told.resets_in),
                calls(u64::from(minimum))
            );
            if told.limit <= u64::from(minimum) {
                let fix = "OneLogin never allows more calls than this minimum, so no run starts. \
                     Lower the minimum.";
                return Outcome::warning(text, fix);
            }
            if told.remaining < u64::from(minimum) {
                return Outcome::warning(
                    text,
                    "No run starts before the allowance is full again; or lower the minimum.",
                );
            }
            Outcome::ok(text)
        }
        Err(error) => Outcome::failed(session.error(error).to_string()),
    }
}

/// Reads one person with every field that a read asks for.
async fn users(
    session: Session<'_>,
    question: &Question,
    checking: &mut Checking<'_>,
) -> Option<Option<UserRow>> {
    let began = Instant::now();
    let path = format!("/api/2/users?fields={}&limit=1&page=1", question.fields.join(","));
    let decode = |reply: &Reply| {
        let total = reply.header("total-count").and_then(|it| it.trim().parse::<usize>().ok());
        let total = total.ok_or_else(|| Odd::new("does not announce a total"))?;
        Ok((wire::user_rows(&reply.body)?, total))
    };
    let result = session.get(Endpoint::Users, &path, decode).await;
    let took = Some(began.elapsed());
    let (rows, total) = match result {
        Ok(read) => read,
        Err(error) => {
            checking.step(Outcome::failed(session.refused(error).to_string()), took);
            return None;
        }
    };
    let row = rows.into_iter().next();
    if let Some(row) = &row
        && let Some(field) = Keys::of(&question.fields).first_absent_from(row.keys)
    {
        let text = format!("OneLogin sends no \"{field}\" of a person, although we asked for it.");
        checking.step(Outcome::failed(text), took);
        return None;
    }
    let outcome = match total {
        0 => Outcome::warning("nobody is there", "A read would find no people at all."),
        _ => Outcome::ok(format!("1 of {total} people read")),
    };
    checking.step(outcome, took);
    Some(row)
}

async fn names(
    session: Session<'_>,
    question: &Question,
    kind: Kind,
    checking: &mut Checking<'_>,
) -> Option<std::sync::Arc<Names>> {
    let (field, source) = match kind {
        Kind::Role => ("role_ids", GroupSource::Roles),
        Kind::Group => ("group_id", GroupSource::Group),
    };
    if !question.asks_for(field) {
        checking.step(Outcome::ok("not needed by the settings"), None);
        return Some(std::sync::Arc::default());
    }
    let began = Instant::now();
    let result = session.names_anew(kind).await.map_err(|it| session.error(it));
    let took = Some(began.elapsed());
    match result {
        Ok(names) => {
            checking.step(Outcome::ok(format!("{} read", names.len())), took);
            Some(names)
        }
        Err(error) => {
            let mut outcome = Outcome::failed(error.to_string());
            if session.api.settings.groups_from.contains(&source) {
                let plural = if kind == Kind::Role { "roles" } else { "group" };
                outcome =
                    outcome.fix(format!("Mend the credential, or turn off groups from {plural}."));
            }
            checking.step(outcome, took);
            None
        }
    }
}

fn required(session: Session<'_>, question: &Question, roles: &Names, groups: &Names) -> Outcome {
    let groups_from = &session.api.settings.groups_from;
    let count = question.wishes.groups().count();
    match scope::resolve(&question.wishes, groups_from, roles, groups) {
        Ok(scope) if scope.is_everybody() => Outcome::ok("none: everybody takes part"),
        Ok(scope) if scope.names_member_of() => {
            let names = scope.words();
            Outcome::ok(format!("{names}; member_of is only known after a whole read"))
        }
        Ok(scope) if count == 0 => Outcome::ok(scope.words()),
        Ok(_) => Outcome::ok(format!("{count} of {count} found")),
        Err(error) => Outcome::failed(error.to_string()),
    }
}

fn sample(
    session: Session<'_>,
    question: &Question,
    row: Option<UserRow>,
    roles: std::sync::Arc<Names>,
    groups: std::sync::Arc<Names>,
    checking: &mut Checking<'_>,
) -> Option<reconcile::principal::Record> {
    let Some(row) = row else {
        checking.step(Outcome::ok("nobody to show"), None);
        return None;
    };
    let mut assembly = Assembly::new(Vocabulary {
        groups_from: session.api.settings.groups_from.clone(),
        roles,
        groups,
        scope: std::sync::Arc::default(),
        wanted: Keys::of(&question.fields),
        kept: question.kept.clone(),
        statuses: std::sync::Arc::new(session.api.settings.status_table().ok()?),
        tells_leavers: false,
    });
    assembly.take(vec![row]);
    if let Err(error) = assembly.check_custom_attributes() {
        checking.step(Outcome::failed(error.to_string()), None);
        return None;
    }
    for kind in [Kind::Role, Kind::Group] {
        let unnamed = assembly.unnamed(kind).into_iter();
        let looked = unnamed.map(|id| (id, super::names::Looked::Gone)).collect();
        assembly.name(kind, &looked);
    }
    let mut assembled = assembly.finish().ok()?;
    let is_unknown = |it: &Finding| it.kind == FindingKind::UnknownField;
    let unknown = assembled.findings.into_iter().find(is_unknown);
    let record = assembled.records.pop();
    let Some(record) = record else {
        checking
            .step(Outcome::warning("the first person is unreadable", "See the findings."), None);
        return None;
    };
    let absent = "(none)";
    let username = record.username.as_deref().unwrap_or(absent);
    let email = record.email.as_deref().unwrap_or(absent);
    let standing = &record.standing_words;
    let text = format!("{username}, {email}, {} groups, {standing}", record.grants.len());
    checking.step(
        match unknown {
            Some(unknown) => Outcome::warning(text, &unknown.message),
            None => Outcome::ok(text),
        },
        None,
    );
    Some(record)
}
