//! A product that polls a Crowd directory: what Jira's and Confluence's engine is known to do, with
//! its tolerance and without mercy.

use std::collections::{BTreeMap, BTreeSet};

use reconcile::directory::Directory;
use reqwest::StatusCode;

use super::server::{Answer, Http};
use super::xml::Node;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    /// The product's own id, to which issues and pages belong. It must never change hands.
    number: u32,
    key: String,
    name: String,
    profile: [String; 4],
    active: bool,
}

#[derive(Debug)]
pub(crate) struct Product {
    http: Http,
    accounts: Vec<Account>,
    /// Lower case, as products compare names.
    groups: BTreeSet<String>,
    memberships: BTreeSet<(String, String)>,
    token: Option<String>,
    doing: Doing,
    numbers: u32,
    owners: BTreeMap<u32, String>,
    pub(crate) seen: Seen,
}

/// The next request.
#[derive(Debug, Default)]
enum Doing {
    #[default]
    Nothing,
    FirstToken,
    Users,
    Groups,
    Memberships,
    LastToken,
}

/// What happened, so that a test can tell that it did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) full_reads: u32,
    pub(crate) polls: u32,
    pub(crate) events: u32,
    pub(crate) expired: u32,
    pub(crate) refused: u32,
}

impl Product {
    pub(crate) fn new(http: Http) -> Product {
        Product {
            http,
            accounts: Vec::new(),
            groups: BTreeSet::new(),
            memberships: BTreeSet::new(),
            token: None,
            doing: Doing::Nothing,
            numbers: 0,
            owners: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// A restart: what was read stays, where the product stood is forgotten.
    pub(crate) fn restart(&mut self) {
        self.token = None;
        self.doing = Doing::Nothing;
    }

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.doing, Doing::Nothing)
    }

    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Sends the next request and does what its answer says. Tells whether it now knows all that
    /// the server knows.
    pub(crate) async fn step(&mut self) -> bool {
        let polls = matches!((&self.doing, &self.token), (Doing::Nothing, Some(_)));
        self.doing = match (&self.doing, self.token.clone()) {
            (Doing::Nothing, Some(token)) => self.poll(&token).await,
            (Doing::Nothing, None) | (Doing::FirstToken, _) => {
                // Any failure of this one is only logged.
                self.http.get("/event").await;
                Doing::Users
            }
            (Doing::Users, _) => self.read_users().await,
            (Doing::Groups, _) => self.read_groups().await,
            (Doing::Memberships, _) => self.read_memberships().await,
            (Doing::LastToken, _) => self.read_token().await,
        };
        self.check_owners();
        polls && self.is_idle()
    }

    async fn poll(&mut self, token: &str) -> Doing {
        let answer = self.http.get(&format!("/event/{token}")).await;
        self.seen.polls += 1;
        if answer.status == StatusCode::GONE {
            let reason = Node::parse(&answer.text);
            assert_eq!(reason.child("reason").text, "EVENT_TOKEN_EXPIRED");
            self.seen.expired += 1;
            self.token = None;
            return Doing::FirstToken;
        }
        let events = document(&answer);
        for event in &events.children {
            self.seen.events += 1;
            self.apply(event);
        }
        self.token = Some(events.attribute("newEventToken").to_owned());
        Doing::Nothing
    }

    async fn read_users(&mut self) -> Doing {
        const ALL: &str = "/search?entity-type=user&start-index=0&max-results=-1&expand=user";
        let answer = self.http.post(ALL, "<null-search-restriction/>").await;
        if answer.status != StatusCode::OK {
            // The cache stays as it is, and the next run begins anew.
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
            self.seen.refused += 1;
            return Doing::Nothing;
        }
        let users: Vec<Account> = document(&answer).children.iter().map(account).collect();
        let keys: BTreeSet<&str> = users.iter().map(|it| it.key.as_str()).collect();
        assert_eq!(keys.len(), users.len(), "keys are not unique");
        let gone = |it: &Account| !keys.contains(it.key.as_str());
        for name in
            self.accounts.iter().filter(|it| gone(it)).map(|it| it.name.clone()).collect::<Vec<_>>()
        {
            self.remove_account(&name);
        }
        for user in users {
            self.add_or_update_by_key(user);
        }
        Doing::Groups
    }

    async fn read_groups(&mut self) -> Doing {
        const ALL: &str = "/search?entity-type=group&start-index=0&max-results=-1&expand=group";
        let answer = self.http.post(ALL, "<null-search-restriction/>").await;
        let groups = document(&answer);
        let groups: BTreeSet<String> = groups.names().iter().map(|it| it.to_lowercase()).collect();
        self.memberships.retain(|(group, _)| groups.contains(group));
        self.groups = groups;
        Doing::Memberships
    }

    async fn read_memberships(&mut self) -> Doing {
        let answer = self.http.get("/group/membership").await;
        for membership in &document(&answer).children {
            let group = membership.attribute("group").to_lowercase();
            let members = membership.child("users").names();
            assert_eq!(membership.child("groups").names(), Vec::<String>::new());
            // A group that the search of groups did not name is ignored.
            if !self.groups.contains(&group) {
                continue;
            }
            self.memberships.retain(|(it, _)| *it != group);
            for member in members {
                if self.find(&member).is_some() {
                    self.memberships.insert((group.clone(), member.to_lowercase()));
                }
            }
        }
        Doing::LastToken
    }

    async fn read_token(&mut self) -> Doing {
        let answer = self.http.get("/event").await;
        let events = document(&answer);
        assert_eq!(events.attribute("incrementalSynchronisationAvailable"), "true");
        self.token = Some(events.attribute("newEventToken").to_owned());
        self.seen.full_reads += 1;
        Doing::Nothing
    }

    /// Events go by name alone.
    fn apply(&mut self, event: &Node) {
        let operation = event.child("operation").text.as_str();
        match (event.name.as_str(), operation) {
            ("userEvent", "UPDATED") => {
                let user = account(event.child("user"));
                match self.find(&user.name) {
                    Some(at) => {
                        let before = &mut self.accounts[at];
                        *before =
                            Account { number: before.number, name: before.name.clone(), ..user };
                    }
                    None => self.add(user),
                }
            }
            ("userEvent", "DELETED") => self.remove_account(event.child("user").attribute("name")),
            ("groupEvent", "UPDATED") => {
                self.groups.insert(event.child("group").attribute("name").to_lowercase());
            }
            ("groupEvent", "DELETED") => {
                let name = event.child("group").attribute("name").to_lowercase();
                self.groups.remove(&name);
                self.memberships.retain(|(group, _)| *group != name);
            }
            ("userMembershipEvent", "UPDATED") => {
                let name = event.child("childUser").attribute("name").to_lowercase();
                assert!(self.find(&name).is_some(), "memberships of {name}, who is not there");
                self.memberships.retain(|(_, user)| *user != name);
                for group in event.child("parentGroups").names() {
                    let group = group.to_lowercase();
                    assert!(
                        self.groups.contains(&group),
                        "a member of {group}, which is not there"
                    );
                    self.memberships.insert((group, name.clone()));
                }
            }
            other => panic!("an event that is not understood: {other:?}"),
        }
    }

    /// The legacy way: by key alone. Whoever is in the way of a rename is moved aside.
    fn add_or_update_by_key(&mut self, user: Account) {
        let Some(at) = self.accounts.iter().position(|it| it.key == user.key) else {
            self.move_aside(&user.name);
            self.add(user);
            return;
        };
        if self.accounts[at].name != user.name {
            if self.accounts[at].name.to_lowercase() != user.name.to_lowercase() {
                self.move_aside(&user.name);
            }
            self.rename(at, &user.name);
        }
        let number = self.accounts[at].number;
        self.accounts[at] = Account { number, ..user };
    }

    fn move_aside(&mut self, name: &str) {
        if let Some(at) = self.find(name) {
            let vacant = format!("{name}#{}", self.accounts[at].number);
            self.rename(at, &vacant);
        }
    }

    fn rename(&mut self, at: usize, to: &str) {
        let from = self.accounts[at].name.to_lowercase();
        to.clone_into(&mut self.accounts[at].name);
        let renamed = std::mem::take(&mut self.memberships).into_iter().map(|(group, user)| {
            if user == from { (group, to.to_lowercase()) } else { (group, user) }
        });
        self.memberships = renamed.collect();
    }

    fn add(&mut self, user: Account) {
        let double = self.accounts.iter().find(|it| it.key == user.key);
        assert!(double.is_none(), "{user:?} would be there twice: {double:?}");
        self.numbers += 1;
        self.accounts.push(Account { number: self.numbers, ..user });
    }

    fn remove_account(&mut self, name: &str) {
        let name = name.to_lowercase();
        self.accounts.retain(|it| it.name.to_lowercase() != name);
        self.memberships.retain(|(_, user)| *user != name);
    }

    fn find(&self, name: &str) -> Option<usize> {
        let name = name.to_lowercase();
        self.accounts.iter().position(|it| it.name.to_lowercase() == name)
    }

    /// Nobody ever gets the account of somebody else.
    fn check_owners(&mut self) {
        for account in &self.accounts {
            let owner = self.owners.entry(account.number).or_insert_with(|| account.key.clone());
            assert_eq!(*owner, account.key, "{} has the account of another", account.name);
        }
    }

    /// Asserts that the product holds exactly the directory.
    pub(crate) fn check_holds(&self, directory: &Directory) {
        let key_of = |name: &String| self.accounts[self.find(name).unwrap()].key.clone();
        let users: BTreeSet<String> = directory
            .users
            .values()
            .map(|it| {
                format!("{} {} {} {} {}", it.id, it.username, it.email, it.display_name, it.active)
            })
            .collect();
        let held: BTreeSet<String> = self
            .accounts
            .iter()
            .map(|it| {
                let [_, _, display_name, email] = &it.profile;
                format!("{} {} {email} {display_name} {}", it.key, it.name, it.active)
            })
            .collect();
        assert_eq!(held, users);
        let groups: BTreeSet<String> =
            directory.groups.keys().map(|it| it.folded().to_owned()).collect();
        assert_eq!(self.groups, groups);
        let memberships: BTreeSet<(String, String)> = directory
            .groups
            .iter()
            .flat_map(|(group, members)| {
                members.iter().map(|it| (group.folded().to_owned(), it.as_str().to_owned()))
            })
            .collect();
        let held: BTreeSet<(String, String)> =
            self.memberships.iter().map(|(group, user)| (group.clone(), key_of(user))).collect();
        assert_eq!(held, memberships);
    }
}

/// What is not there is empty, and a missing `active` is false.
fn account(user: &Node) -> Account {
    let text = |name: &str| {
        user.children
            .iter()
            .find(|it| it.name == name)
            .map(|it| it.text.clone())
            .unwrap_or_default()
    };
    Account {
        number: 0,
        key: text("key"),
        name: user.attribute("name").to_owned(),
        profile: ["first-name", "last-name", "display-name", "email"].map(text),
        active: text("active") == "true",
    }
}

#[track_caller]
fn document(answer: &Answer) -> Node {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    Node::parse(&answer.text)
}
