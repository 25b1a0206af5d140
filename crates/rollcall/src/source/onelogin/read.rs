//! Reads everybody in scope, on the cheapest way that is provably complete.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt, stream};
use reconcile::principal::FieldPaths;

use super::api::{CallError, Endpoint, IN_FLIGHT, Odd, Session};
use super::assembly::{Assembly, Vocabulary};
use super::error::{RequestId, SourceError};
use super::fields;
use super::kept::{Header, KeptRows, Only};
use super::names::{Kind, Names};
use super::pages::{First, List, Sink, incomplete};
use super::pages_v1::End;
use super::refusal::Refusal;
use super::report::{Progress, Proof, Read};
use super::scope::{self, Requirement, Scope, Wishes};
use super::settings::{GroupSource, Settings};
use super::wire::{self, Keys, MemberRow, UserRow};
use crate::http::Reply;

pub(super) const USER_PAGE_SIZES: &[usize] = &[1000, 100, 50];
const MEMBER_PAGE_SIZES: &[usize] = &[1000, 100, 50];

/// Asked for whatever the settings are.
const FIELDS_OF_EVERY_READ: [&str; 7] =
    ["id", "username", "email", "firstname", "lastname", "status", "state"];

/// Ids in one query: about one kilobyte of URL.
pub(super) const IDS_MAX: usize = 100;

/// The settings as a query needs them, and the required groups as they are written.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) wishes: Wishes,
    pub(super) fields: Vec<&'static str>,
    /// What is kept of everybody beyond what a record has anyway.
    pub(super) kept: FieldPaths,
    /// Whether the records of people who are out of scope are asked for, too.
    pub(super) tells_leavers: bool,
}

/// People read by id.
struct ById {
    found: Vec<UserRow>,
    /// Members who did not come back: deleted since the list of members was read.
    gone: usize,
}

/// How many members may be deleted in the moment of a read before it looks like a silence.
const GONE_MEANWHILE_MIN: usize = 3;

/// How many ids are asked for at once: an answer has one page, and its witness must fit too.
fn chunk_size(page_size: usize) -> usize {
    page_size.saturating_sub(1).clamp(1, IDS_MAX)
}

/// First pages of required groups, and how many more calls the rest of them would take.
struct Probe {
    role_lists: Vec<(List<MemberRow>, First<MemberRow>)>,
    group_lists: Vec<(List<UserRow>, First<UserRow>)>,
    roles_read: Vec<u64>,
    groups_read: Vec<u64>,
    cost: usize,
}

/// How the people in scope were reached.
struct Reached {
    proof: Proof,
    seen: usize,
    strategy: String,
    /// Whose members were read; nothing where everybody was.
    only: Option<Only>,
}

/// What a read leaves for later questions of the same run and after it.
pub(super) struct Remembered {
    pub(super) vocabulary: Vocabulary,
    pub(super) rows: Option<(KeptRows, Header)>,
}

impl Question {
    /// Only what is used is asked for: a field that OneLogin refuses would fail the read.
    pub(super) fn of(session: Session<'_>, kept: &FieldPaths) -> Result<Question, SourceError> {
        Question::by(&session.api.settings, kept)
    }

    pub(super) fn by(settings: &Settings, kept: &FieldPaths) -> Result<Question, SourceError> {
        if settings.groups_from.is_empty() {
            tracing::info!("no group source is enabled: users are read without groups");
        }
        let wishes = scope::parse(settings)?;
        let needs = |source| {
            settings.groups_from.contains(&source)
                || wishes.groups().any(|it| it.may_be_in(source, &settings.groups_from))
        };
        let mut fields = FIELDS_OF_EVERY_READ.to_vec();
        let optional = [GroupSource::Group, GroupSource::Roles, GroupSource::MemberOf];
        fields.extend(optional.into_iter().filter(|it| needs(*it)).map(GroupSource::field));
        for field in kept.iter().chain(wishes.fields()).filter_map(fields::to_ask_for) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        Ok(Question { wishes, fields, kept: kept.clone(), tells_leavers: false })
    }

    pub(super) fn asks_for(&self, field: &str) -> bool {
        self.fields.contains(&field)
    }

    pub(super) fn list(&self, filter: &str) -> List<UserRow> {
        List {
            endpoint: Endpoint::Users,
            path: "/api/2/users".to_owned(),
            query: format!("{filter}fields={}", self.fields.join(",")),
            sizes: USER_PAGE_SIZES,
            decode: wire::user_rows,
            is_told: true,
        }
    }
}

impl Session<'_> {
    pub(super) async fn read(self, question: &Question) -> Result<(Read, Remembered), SourceError> {
        self.open_budget().await?;
        let list = question.list("");
        let names = self.vocabulary(question);
        // An error of the first page is kept, so that a list of v1 may still be read.
        let (vocabulary, first) = futures_util::future::join(names, self.first_page(&list)).await;
        let vocabulary = vocabulary?;
        let mut assembly = Assembly::new(vocabulary.clone());
        assembly.keep();
        let reached = match first {
            Ok(first) if vocabulary.scope.requirements.is_empty() => {
                let pages = first.pages();
                let word = if pages == 1 { "page" } else { "pages" };
                let scope = &vocabulary.scope;
                let who = if scope.is_everybody() {
                    "Everybody".to_owned()
                } else {
                    format!("Everybody, and of them who is in scope ({})", scope.words())
                };
                let strategy =
                    format!("{who}: {} people on {pages} {word} of {}.", first.total, first.size);
                self.read_everybody(&list, first, strategy, &mut assembly).await
            }
            Ok(first) => self.read_scope(question, first, &vocabulary, &mut assembly).await,
            Err(CallError::Refused(_, refusal)) if is_without_v2(&refusal) => {
                self.read_v1(&mut assembly).await
            }
            Err(error) => Err(error),
        };
        let Reached { proof, seen, strategy, only } = reached.map_err(|it| self.refused(it))?;
        self.name_the_unnamed(&mut assembly).await.map_err(|it| self.error(it))?;
        assembly.check_custom_attributes()?;
        let assembled = assembly.finish()?;
        let out_of_scope = if proof.distinct < seen {
            seen.saturating_sub(assembled.records.len() + assembled.unreadable.len())
        } else {
            assembled.out_of_scope
        };
        let names = (&*vocabulary.roles, &*vocabulary.groups);
        let base_url = &self.api.settings.base_url;
        let mut header = Header::new(base_url, &question.fields, only, names, seen);
        for ((kind, id), looked) in &assembled.looked {
            header.look(*kind, *id, looked);
        }
        let rows = assembled.rows.map(|rows| (rows, header));
        let read = Read {
            records: assembled.records,
            unreadable: assembled.unreadable,
            groups: vocabulary.listed(),
            findings: assembled.findings,
            seen,
            out_of_scope,
            strategy,
            proof,
        };
        Ok((read, Remembered { vocabulary, rows }))
    }

    /// Asks for the calls that are left, and does not start below the minimum.
    pub(super) async fn open_budget(self) -> Result<(), SourceError> {
        let minimum = self.api.settings.minimum_remaining_api_calls;
        match self.allowance().await {
            Ok(told) if told.remaining < u64::from(minimum) => Err(SourceError::BudgetLow {
                remaining: told.remaining,
                minimum,
                cost: None,
                resets_in: Some(told.resets_in),
            }),
            Ok(_) => Ok(()),
            Err(CallError::Refused(..) | CallError::Odd(_)) if minimum == 0 => Ok(()),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Refuses what would take the account below its minimum, before it is begun.
    fn predict(self, more: usize) -> Result<(), CallError> {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        let mut meter = self.api.meter();
        let now = Instant::now();
        let cost = meter.calls(now).total().saturating_add(more);
        meter.predict(cost);
        let Some(left) = meter.left(now) else { return Ok(()) };
        let minimum = meter.minimum();
        if u64::from(minimum).saturating_add(more) <= left.remaining {
            return Ok(());
        }
        Err(CallError::Fatal(SourceError::BudgetLow {
            remaining: left.remaining,
            minimum,
            cost: Some(more),
            resets_in: Some(left.resets_in),
        }))
    }

    /// The names that the settings need, and the required groups looked up among them.
    pub(super) async fn vocabulary(self, question: &Question) -> Result<Vocabulary, SourceError> {
        let roles = self.names_if(question.asks_for("role_ids"), Kind::Role);
        let groups = self.names_if(question.asks_for("group_id"), Kind::Group);
        let (roles, groups) = futures_util::future::try_join(roles, groups).await?;
        let groups_from = &self.api.settings.groups_from;
        let resolve = |roles: &Names, groups: &Names| {
            scope::resolve(&question.wishes, groups_from, roles, groups)
        };
        let (mut roles, mut groups) = (roles, groups);
        let scope = if let Ok(scope) = resolve(&roles, &groups) {
            scope
        } else {
            // The names may be a day old: somebody may just have made the group.
            roles = self.anew_if(question.asks_for("role_ids"), Kind::Role).await?;
            groups = self.anew_if(question.asks_for("group_id"), Kind::Group).await?;
            resolve(&roles, &groups)?
        };
        Ok(Vocabulary {
            groups_from: groups_from.clone(),
            roles,
            groups,
            scope: Arc::new(scope),
            wanted: Keys::of(&question.fields),
            kept: question.kept.clone(),
            statuses: Arc::new(self.api.settings.status_table()?),
            tells_leavers: question.tells_leavers,
        })
    }

    async fn names_if(self, is_needed: bool, kind: Kind) -> Result<Arc<Names>, SourceError> {
        if !is_needed {
            return Ok(Arc::default());
        }
        self.names(kind).await.map_err(|it| self.error(it))
    }

    async fn anew_if(self, is_needed: bool, kind: Kind) -> Result<Arc<Names>, SourceError> {
        if !is_needed {
            return Ok(Arc::default());
        }
        self.names_anew(kind).await.map_err(|it| self.error(it))
    }

    async fn read_everybody(
        self,
        list: &List<UserRow>,
        first: First<UserRow>,
        strategy: String,
        assembly: &mut Assembly,
    ) -> Result<Reached, CallError> {
        (self.progress)(Progress::Strategy(strategy.clone()));
        assembly.expect_everybody();
        self.predict(first.pages() - 1)?;
        let proof = self.all_after(list, first, assembly).await?;
        let seen = proof.distinct + proof.without_id;
        Ok(Reached { proof, seen, strategy, only: None })
    }

    /// Reads the required groups alone where that takes fewer calls than everybody.
    async fn read_scope(
        self,
        question: &Question,
        first: First<UserRow>,
        vocabulary: &Vocabulary,
        assembly: &mut Assembly,
    ) -> Result<Reached, CallError> {
        let total = first.total;
        let everybody = first.pages() - 1;
        let list = question.list("");
        let readable = readable_alone(&vocabulary.scope);
        let why = if readable.is_empty() {
            "OneLogin has no query for member_of".to_owned()
        } else {
            match self.read_required(question, &first, vocabulary, &readable, assembly).await {
                Ok(Ok(reached)) => return Ok(reached),
                Ok(Err(why)) => why,
                Err(CallError::Odd(error)) => {
                    tracing::warn!(%error, "the required groups alone could not be proven");
                    "the required groups alone could not be proven complete".to_owned()
                }
                Err(CallError::Refused(endpoint, refusal)) => {
                    format!("{} is refused ({})", endpoint.name(), refusal.status)
                }
                Err(error @ CallError::Fatal(_)) => return Err(error),
            }
        };
        assembly.restart();
        let strategy = format!(
            "Everybody, and then whoever has {}: {total} people in {everybody} more calls, because {why}.",
            vocabulary.scope.words()
        );
        self.read_everybody(&list, first, strategy, assembly).await
    }

    /// Reads one of the choices of required groups alone, the cheapest; the inner error says why that
    /// does not pay.
    async fn read_required(
        self,
        question: &Question,
        everybody: &First<UserRow>,
        vocabulary: &Vocabulary,
        choices: &[Vec<&Requirement>],
        assembly: &mut Assembly,
    ) -> Result<Result<Reached, String>, CallError> {
        let full = everybody.pages() - 1;
        let size = everybody.size;
        let too_dear = |cost: usize| {
            format!(
                "the required groups alone would take {cost} more calls, everybody takes {full}"
            )
        };
        let mut cheapest: Option<Probe> = None;
        let mut least = usize::MAX;
        for choice in choices {
            let ids = |of: fn(&Requirement) -> &BTreeSet<u64>| -> BTreeSet<u64> {
                choice.iter().flat_map(|it| of(it).iter().copied()).collect()
            };
            let (roles, groups) = (ids(|it| &it.roles), ids(|it| &it.groups));
            let at_least = groups.len() + roles.len() + usize::from(!roles.is_empty());
            least = least.min(at_least);
            if full <= at_least {
                continue;
            }
            let Some(probe) = self.probe(question, roles, groups, size).await? else {
                return Ok(Err("this OneLogin does not filter by group".to_owned()));
            };
            if cheapest.as_ref().is_none_or(|it| probe.cost < it.cost) {
                cheapest = Some(probe);
            }
        }
        let Some(Probe { cost, role_lists, group_lists, roles_read, groups_read }) = cheapest
        else {
            return Ok(Err(too_dear(least)));
        };
        if full < cost {
            return Ok(Err(too_dear(cost)));
        }
        self.predict(cost)?;
        let strategy = format!(
            "Only whoever has {}: {cost} more calls, against {full} for all {} people.",
            vocabulary.scope.words(),
            everybody.total
        );
        (self.progress)(Progress::Strategy(strategy.clone()));
        let only = Some(Only { roles: roles_read, groups: groups_read });
        let mut all = Proof { page_size: size, walks: 1, ..Proof::default() };
        let mut ids = BTreeSet::new();
        for (list, first) in role_lists {
            let mut members: Vec<MemberRow> = Vec::new();
            all.add(&self.all_after(&list, first, &mut members).await?);
            ids.extend(members.iter().filter_map(wire::Row::id));
        }
        let witness = everybody.rows.iter().find_map(|row| row.id);
        match self.read_by_id(question, ids, size, witness).await? {
            Err(why) => return Ok(Err(why)),
            Ok(ById { found, gone }) => {
                all.gone_meanwhile = gone;
                assembly.take(found);
            }
        }
        for (list, first) in group_lists {
            let mut rows: Vec<UserRow> = Vec::new();
            all.add(&self.all_after(&list, first, &mut rows).await?);
            assembly.take(rows);
        }
        Ok(Ok(Reached { proof: all, seen: everybody.total, strategy, only }))
    }

    /// What it would cost to read these roles and groups alone; nothing where OneLogin answers with
    /// people of other groups.
    async fn probe(
        self,
        question: &Question,
        roles: BTreeSet<u64>,
        groups: BTreeSet<u64>,
        size: usize,
    ) -> Result<Option<Probe>, CallError> {
        let mut role_lists = Vec::new();
        let mut group_lists = Vec::new();
        let (roles_read, groups_read) =
            (roles.iter().copied().collect(), groups.iter().copied().collect());
        for id in roles {
            let list = members_of(id);
            let first = self.first_page(&list).await?;
            role_lists.push((list, first));
        }
        for id in groups {
            let list = question.list(&format!("group_id={id}&"));
            let first = self.first_page(&list).await?;
            if first.rows.iter().any(|it| it.odd.is_none() && it.group_id != Some(id)) {
                return Ok(None);
            }
            group_lists.push((list, first));
        }
        let members: usize = role_lists.iter().map(|it| it.1.total).sum();
        let role_pages = role_lists.iter().map(|it| it.1.pages() - 1).sum();
        let group_pages = group_lists.iter().map(|it| it.1.pages() - 1).sum();
        let cost = cost_alone(role_pages, members, group_pages, size);
        Ok(Some(Probe { role_lists, group_lists, roles_read, groups_read, cost }))
    }

    /// Reads people by id, each chunk with a witness: somebody who was there just now, because an
    /// answer without anybody may be a silence. Whoever does not come back, asked for twice, was
    /// deleted meanwhile; where that would be many, the reason against believing it is returned.
    async fn read_by_id(
        self,
        question: &Question,
        ids: BTreeSet<u64>,
        size: usize,
        witness: Option<u64>,
    ) -> Result<Result<ById, String>, CallError> {
        let many = GONE_MEANWHILE_MIN.max(ids.len() / 100);
        let mut open: Vec<u64> = ids.into_iter().collect();
        let mut found = Vec::new();
        for _ in 0..2 {
            let chunks: Vec<Vec<u64>> =
                open.chunks(chunk_size(size)).map(<[u64]>::to_vec).collect();
            let calls = chunks.into_iter().map(|mut chunk| {
                chunk.extend(witness.filter(|it| !chunk.contains(it)));
                self.users_by_id(question, chunk)
            });
            let answers: Vec<Vec<UserRow>> =
                stream::iter(calls).buffered(IN_FLIGHT).try_collect().await?;
            let is_silent = |rows: &Vec<UserRow>| {
                witness.is_some_and(|witness| rows.iter().all(|row| row.id != Some(witness)))
            };
            if answers.iter().any(is_silent) {
                return Ok(Err("asked by id, OneLogin left out somebody who was there".to_owned()));
            }
            let asked: BTreeSet<u64> = open.iter().copied().collect();
            let rows = answers.into_iter().flatten();
            let rows: Vec<UserRow> =
                rows.filter(|row| row.id.is_some_and(|id| asked.contains(&id))).collect();
            let came: BTreeSet<u64> = rows.iter().filter_map(|it| it.id).collect();
            open.retain(|it| !came.contains(it));
            found.extend(rows);
            if open.is_empty() {
                break;
            }
        }
        if many < open.len() {
            return Ok(Err(format!("asked by id, OneLogin left out {} members", open.len())));
        }
        Ok(Ok(ById { found, gone: open.len() }))
    }

    /// The users of a list of ids, nobody else and nobody twice.
    pub(super) async fn users_by_id(
        self,
        question: &Question,
        ids: Vec<u64>,
    ) -> Result<Vec<UserRow>, CallError> {
        let list: Vec<String> = ids.iter().map(u64::to_string).collect();
        let path = format!(
            "/api/2/users?user_ids={}&fields={}&limit={}&page=1",
            list.join(","),
            question.fields.join(","),
            ids.len().max(1)
        );
        let rows = self.get(Endpoint::Users, &path, whole_page).await?;
        let Some(rows) = rows else {
            return Err(incomplete("OneLogin does not filter users by id."));
        };
        let mut came = BTreeSet::new();
        for row in &rows {
            let Some(id) = row.id else {
                return Err(incomplete("OneLogin answered by id with somebody who has none."));
            };
            if !ids.contains(&id) || !came.insert(id) {
                return Err(incomplete(
                    "Asked for people by id, OneLogin answered with others, or with one twice.",
                ));
            }
        }
        Ok(rows)
    }

    /// The way of an API without v2: fifty people a page, and everybody's fields.
    async fn read_v1(self, assembly: &mut Assembly) -> Result<Reached, CallError> {
        let strategy =
            "Everybody, by version 1 of the API (50 people a page), because version 2 is not there."
                .to_owned();
        (self.progress)(Progress::Strategy(strategy.clone()));
        assembly.expect_everybody();
        let proof =
            self.all_v1(Endpoint::UsersV1, "/api/1/users", End::AskedTwice, assembly).await?;
        let seen = proof.distinct + proof.without_id;
        Ok(Reached { proof, seen, strategy, only: None })
    }

    /// Roles and groups that nobody named: the list anew, then one by one.
    async fn name_the_unnamed(self, assembly: &mut Assembly) -> Result<(), CallError> {
        for kind in [Kind::Role, Kind::Group] {
            let ids = assembly.unnamed(kind);
            if ids.is_empty() {
                continue;
            }
            let names = self.names_anew(kind).await?;
            let (listed, open): (BTreeSet<u64>, BTreeSet<u64>) =
                ids.into_iter().partition(|it| names.get(*it).is_some());
            let mut looked = self.look_up(kind, &open).await?;
            for id in listed {
                if let Some(name) = names.get(id) {
                    looked.insert(id, super::names::Looked::Named(name.into()));
                }
            }
            assembly.name(kind, &looked);
        }
        Ok(())
    }

    /// The error of the list of users, where a refused field names the setting behind it.
    pub(super) fn refused(self, error: CallError) -> SourceError {
        let CallError::Refused(Endpoint::Users, refusal) = &error else { return self.error(error) };
        let Some(field) = refusal.blamed_field() else { return self.error(error) };
        let turn_off = match field {
            "member_of" => "Turn off \"groups from member_of\", or",
            "role_ids" => "Turn off \"groups from roles\", or",
            "group_id" => "Turn off \"groups from group\", or",
            _ if FIELDS_OF_EVERY_READ.contains(&field) => "Please",
            _ => "Take it out of the mapping and the conditions, or",
        };
        SourceError::Refused {
            sentence: format!(
                "OneLogin refuses to tell the field \"{field}\" of users ({}){}. {turn_off} ask \
                 OneLogin's support about it.",
                refusal.status,
                refusal.quote()
            ),
            request_id: refusal.request_id.clone(),
        }
    }
}

impl Proof {
    fn add(&mut self, other: &Proof) {
        let Proof { pages, announced_first, announced_last, distinct, without_id, .. } = other;
        self.pages += pages;
        self.announced_first += announced_first;
        self.announced_last += announced_last;
        self.distinct += distinct;
        self.without_id += without_id;
        self.pages_again += other.pages_again;
        self.walks = self.walks.max(other.walks);
    }
}

/// What it costs to read roles and groups alone, once their first pages are there: the pages that are
/// left, and the members of roles by id.
pub(super) fn cost_alone(
    role_pages: usize,
    members: usize,
    group_pages: usize,
    page_size: usize,
) -> usize {
    role_pages + members.div_ceil(chunk_size(page_size)) + group_pages
}

/// The required groups that contain everybody in scope, each choice of them: all together where any
/// is enough, each alone where all are needed.
pub(super) fn readable_alone(scope: &Scope) -> Vec<Vec<&Requirement>> {
    let requirements = &scope.requirements;
    if scope.needs_all() {
        return requirements.iter().filter(|it| it.has_members()).map(|it| vec![it]).collect();
    }
    if requirements.iter().all(Requirement::has_members) {
        return vec![requirements.iter().collect()];
    }
    Vec::new()
}

fn members_of(role: u64) -> List<MemberRow> {
    List {
        endpoint: Endpoint::RoleUsers,
        path: format!("/api/2/roles/{role}/users"),
        query: String::new(),
        sizes: MEMBER_PAGE_SIZES,
        decode: wire::rows::<MemberRow>,
        is_told: false,
    }
}

/// The rows of an answer that has one page; nothing where more follow, because then a filter was
/// not heard.
pub(super) fn whole_page(reply: &Reply) -> Result<Option<Vec<UserRow>>, Odd> {
    let rows = wire::user_rows(&reply.body)?;
    let total = reply.header("total-count").and_then(|it| it.trim().parse::<usize>().ok());
    let total = total.ok_or_else(|| Odd::new("does not announce a total (header Total-Count)"))?;
    if rows.len() == total {
        return Ok(Some(rows));
    }
    let page_size = reply.header("page-items").and_then(|it| it.trim().parse::<usize>().ok());
    if page_size.is_some_and(|it| it == rows.len() || rows.len() < it && it < total) {
        return Ok(None);
    }
    Err(Odd::new(format!("brought {} rows of {total} that it announced", rows.len())))
}

pub(super) fn is_without_v2(refusal: &Refusal) -> bool {
    matches!(refusal.status, 404 | 405 | 410) && refusal.page_title.is_none()
}

/// For a read that failed after its replies.
pub(super) fn unreadable_person(field: &str) -> SourceError {
    SourceError::Incomplete {
        reason: format!("OneLogin's record of this person cannot be read: \"{field}\" is odd."),
        request_id: RequestId::none(),
    }
}
