//! Believable people, derived from the seed and a number whenever they are asked for.
//!
//! Nothing of a generated person is stored, so a tenant of a million costs its list of ids.

mod names;

use std::{borrow::Cow, collections::BTreeMap};

use self::names::{
    COMPANIES, FIRST_NAMES, GROUP_NAMES, LAST_NAMES, LOCALES, ODD_DNS, PLAIN_DNS, POSTS, ROLE_NAMES,
};
use super::user::{Loose, Moment, Text, User, keeps_roles};

/// 2026-01-01T00:00:00Z: generated people have no later date, whatever the clock says.
const EPOCH_MS: i64 = 1_767_225_600_000;
const DAY_MS: i64 = 86_400_000;
const FIRST_ID: i64 = 100_000_000;
const ID_STEP: i64 = 7;

/// Whether a few people carry the odd values that real tenants carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    Odd,
    Clean,
}

/// How many people to make up, and from what.
#[derive(Debug, Clone, Copy)]
pub struct Population {
    pub users: u32,
    pub roles: u32,
    pub groups: u32,
    /// On average; a role more or less is normal.
    pub roles_per_user: u32,
    pub seed: u64,
    pub data: Data,
}

impl Population {
    pub(super) fn id(&self, person: u32) -> i64 {
        FIRST_ID + i64::from(person) * ID_STEP + remainder(self.roll(person, Trait::Id), ID_STEP)
    }

    /// The number behind an id that we made up.
    pub(super) fn person(&self, id: i64) -> Option<u32> {
        let person = u32::try_from(id.saturating_sub(FIRST_ID).div_euclid(ID_STEP)).ok()?;
        (person < self.users && self.id(person) == id).then_some(person)
    }

    pub(super) fn role_id(role: u32) -> i64 {
        400_000 + i64::from(role) * 13
    }

    pub(super) fn group_id(group: u32) -> i64 {
        470_000 + i64::from(group) * 11
    }

    pub(super) fn role_name(role: u32) -> String {
        numbered(&ROLE_NAMES, role)
    }

    pub(super) fn group_name(group: u32) -> String {
        numbered(&GROUP_NAMES, group)
    }

    /// Seven of ten people are in a group.
    pub(super) fn group_of(&self, person: u32) -> Option<i64> {
        let roll = self.roll(person, Trait::Group);
        let in_group = self.groups > 0 && roll % 10 < 7;
        in_group.then(|| Self::group_id(below(roll / 10, self.groups)))
    }

    pub(super) fn roles_of(&self, person: u32) -> Vec<i64> {
        let (status, state) = self.standing(person);
        if self.roles == 0 || !keeps_roles(status, state) {
            return Vec::new();
        }
        let mut roles: Vec<i64> = match (self.data, person) {
            // The last role has one member, and one person has nearly all roles.
            (Data::Odd, 0) => vec![Self::role_id(self.roles - 1)],
            (Data::Odd, 17) => {
                (0..self.roles.saturating_sub(1).min(1_000)).map(Self::role_id).collect()
            }
            (Data::Odd, _) => self.drawn_roles(person, self.roles.saturating_sub(1)),
            (Data::Clean, _) => self.drawn_roles(person, self.roles),
        };
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    fn drawn_roles(&self, person: u32, roles: u32) -> Vec<i64> {
        if roles == 0 {
            return Vec::new();
        }
        let mut roll = self.roll(person, Trait::Roles);
        let count = below(roll, self.roles_per_user * 2 + 1);
        (0..count)
            .map(|_| {
                roll = mixed(roll);
                Self::role_id(below(roll, roles))
            })
            .collect()
    }

    pub(super) fn updated_at(&self, person: u32) -> Moment {
        Moment(EPOCH_MS - remainder(self.roll(person, Trait::Updated), 180 * DAY_MS))
    }

    /// Status and state; the first few people are always able to log in.
    fn standing(&self, person: u32) -> (i64, i64) {
        if self.data == Data::Clean || person == 0 || person == 17 {
            return (1, 1);
        }
        let roll = self.roll(person, Trait::Standing);
        let status = match roll % 100 {
            0 => 0,
            1 => 2,
            2 => 3,
            3 => [4, 5, 7, 8].get(below_usize(roll / 100, 4)).copied().unwrap_or(4),
            _ => 1,
        };
        let state = match (roll / 1_000) % 100 {
            0 => [0, 2, 3].get(below_usize(roll / 100_000, 3)).copied().unwrap_or(0),
            _ => 1,
        };
        (status, state)
    }

    pub(super) fn user(&self, person: u32) -> User {
        let name = self.name(person);
        let (status, state) = self.standing(person);
        let (department, title) = self.post(person);
        let updated_at = self.updated_at(person);
        let created_at =
            Moment(updated_at.0 - remainder(self.roll(person, Trait::Created), 900 * DAY_MS));
        let is_locked = status == 3 && self.share(person, Trait::Locked, 50);
        let in_directory = self.share(person, Trait::Directory, 80);
        User {
            id: self.id(person),
            username: Some(self.username(person, &name.account)),
            email: (!self.odd(person, Trait::Email, 1))
                .then(|| format!("{}@acme.test", name.account).into()),
            firstname: Some(name.first.into()),
            lastname: Some(name.last.into()),
            title: Some(title.into()),
            department: self.mixed_blank(person, department),
            company: Some(pick(&COMPANIES, self.roll(person, Trait::Company)).into()),
            phone: self.phone(person),
            comment: None,
            status,
            state,
            group_id: self.group_of(person),
            role_ids: self.roles_of(person),
            member_of: in_directory.then(|| self.member_of(person)),
            directory_id: in_directory.then_some(80_670),
            external_id: self.external_id(person, in_directory),
            distinguished_name: in_directory.then(|| {
                format!("CN={} {},OU=People,DC=acme,DC=test", name.first, name.last).into()
            }),
            samaccountname: in_directory.then(|| name.account.clone().into()),
            userprincipalname: in_directory.then(|| format!("{}@acme.test", name.account).into()),
            manager_user_id: self.manager(person),
            manager_ad_id: Loose::Null,
            trusted_idp_id: None,
            preferred_locale_code: self
                .share(person, Trait::Locale, 60)
                .then(|| pick(&LOCALES, self.roll(person, Trait::Locale) / 100).into()),
            locale_code: None,
            openid_name: Some(name.account.clone().into()),
            invalid_login_attempts: if is_locked { 5 } else { 0 },
            custom_attributes: self.custom_attributes(person),
            created_at: Some(created_at),
            updated_at: Some(updated_at),
            activated_at: (status != 0 && status != 7).then_some(Moment(created_at.0 + 60_000)),
            last_login: (status == 1).then_some(Moment(updated_at.0 - 451)),
            invitation_sent_at: None,
            locked_until: is_locked.then_some(Moment(EPOCH_MS + 900_000)),
            password_changed_at: Some(created_at),
        }
    }

    /// Every pair of names comes up once before the first comes again with a number.
    fn name(&self, person: u32) -> Name {
        let pairs = FIRST_NAMES.len() * LAST_NAMES.len();
        let turn = u64::from(person) * 2_654_435_761 + self.seed % 4_096;
        let pair = below_usize(turn, pairs);
        let (first, first_account) =
            FIRST_NAMES.get(pair % FIRST_NAMES.len()).copied().unwrap_or_default();
        let (last, last_account) =
            LAST_NAMES.get(pair / FIRST_NAMES.len()).copied().unwrap_or_default();
        let account = match u64::from(person) / (pairs as u64) {
            0 => format!("{first_account}.{last_account}"),
            again => format!("{first_account}.{last_account}{}", again + 1),
        };
        Name { first, last, account }
    }

    fn post(&self, person: u32) -> (&'static str, &'static str) {
        let roll = self.roll(person, Trait::Post);
        let (department, titles) =
            POSTS.get(below_usize(roll, POSTS.len())).copied().unwrap_or_default();
        (department, pick(&titles, roll / 8))
    }

    fn username(&self, person: u32, account: &str) -> Cow<'static, str> {
        if self.odd(person, Trait::Username, 5) { "".into() } else { account.to_owned().into() }
    }

    fn mixed_blank(&self, person: u32, value: &'static str) -> Text {
        if !self.odd(person, Trait::Blank, 8) {
            return Some(value.into());
        }
        if (self.roll(person, Trait::Blank) / 100).is_multiple_of(2) {
            None
        } else {
            Some("".into())
        }
    }

    fn phone(&self, person: u32) -> Text {
        let roll = self.roll(person, Trait::Phone);
        match roll % 4 {
            0 => None,
            1 => Some("".into()),
            _ => Some(format!("+1-555-{:04}", roll / 4 % 10_000).into()),
        }
    }

    fn member_of(&self, person: u32) -> Cow<'static, str> {
        let roll = self.roll(person, Trait::MemberOf);
        let first = below_usize(roll, PLAIN_DNS.len());
        let count = below_usize(roll / 8, 3) + 1;
        // Neighbours in a ring, so nobody is in a group twice.
        let mut names: Vec<&str> =
            PLAIN_DNS.iter().cycle().skip(first).take(count).copied().collect();
        if self.odd(person, Trait::OddGroup, 15) {
            names.push(pick(&ODD_DNS, roll / 32));
        }
        match names.as_slice() {
            [only] => PLAIN_DNS.iter().find(|it| *it == only).copied().unwrap_or_default().into(),
            _ => names.join(";").into(),
        }
    }

    fn external_id(&self, person: u32, in_directory: bool) -> Loose {
        if !in_directory {
            return Loose::Null;
        }
        let roll = self.roll(person, Trait::ExternalId);
        if self.odd(person, Trait::ExternalId, 2) {
            return Loose::Number(remainder(roll, 1_000_000_000));
        }
        Loose::Text(format!("{roll:016x}").into())
    }

    fn manager(&self, person: u32) -> Loose {
        if person == 0 || !self.share(person, Trait::Manager, 85) {
            return Loose::Null;
        }
        let id = self.id(below(self.roll(person, Trait::Manager) / 100, person));
        if self.odd(person, Trait::ManagerForm, 2) {
            return Loose::Text(id.to_string().into());
        }
        Loose::Number(id)
    }

    fn custom_attributes(&self, person: u32) -> BTreeMap<Cow<'static, str>, Text> {
        let roll = self.roll(person, Trait::CostCentre);
        let cost_centre = Some(Cow::Owned((roll % 90 + 10).to_string()));
        BTreeMap::from([("costcenter".into(), cost_centre), ("nick".into(), None)])
    }

    fn odd(&self, person: u32, kind: Trait, percent: u64) -> bool {
        self.data == Data::Odd && self.share(person, kind, percent)
    }

    fn share(&self, person: u32, kind: Trait, percent: u64) -> bool {
        self.roll(person, kind) % 100 < percent
    }

    fn roll(&self, person: u32, kind: Trait) -> u64 {
        mixed(self.seed ^ (u64::from(person) << 8) ^ ((kind as u64) << 56))
    }
}

#[derive(Debug)]
struct Name {
    first: &'static str,
    last: &'static str,
    account: String,
}

/// Each is drawn on its own, so one does not follow from another.
#[derive(Debug, Clone, Copy)]
enum Trait {
    Id,
    Group,
    Roles,
    Updated,
    Created,
    Standing,
    Locked,
    Directory,
    Company,
    Locale,
    Post,
    Username,
    Email,
    Blank,
    Phone,
    MemberOf,
    OddGroup,
    ExternalId,
    Manager,
    ManagerForm,
    CostCentre,
}

/// `SplitMix64`: one value into another that looks unrelated.
pub(super) fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn below(roll: u64, limit: u32) -> u32 {
    u32::try_from(roll % u64::from(limit.max(1))).unwrap_or_default()
}

fn below_usize(roll: u64, limit: usize) -> usize {
    usize::try_from(roll % limit.max(1) as u64).unwrap_or_default()
}

fn remainder(roll: u64, limit: i64) -> i64 {
    i64::try_from(roll % limit.unsigned_abs().max(1)).unwrap_or_default()
}

fn pick(list: &[&'static str], roll: u64) -> &'static str {
    list.get(below_usize(roll, list.len())).copied().unwrap_or_default()
}

fn numbered(names: &[&str], at: u32) -> String {
    let count = names.len().max(1) as u64;
    let name = names.get(below_usize(u64::from(at), names.len())).copied().unwrap_or_default();
    match u64::from(at) / count {
        0 => name.to_owned(),
        again => format!("{name} {}", again + 1),
    }
}
