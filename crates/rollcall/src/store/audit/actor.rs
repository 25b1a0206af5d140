//! Who does something, and from where.

use jiff::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub kind: ActorKind,
    pub name: String,
    /// A host, or a network address.
    pub origin: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActorKind {
    CommandLine,
    /// Somebody who signed in.
    Account,
    /// The service by itself: a schedule, the retention.
    Service,
}

/// Somebody who does something now, and why.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    pub actor: &'a Actor,
    pub at: Timestamp,
    /// Empty where nobody asked for one.
    pub reason: &'a str,
}

impl ActorKind {
    pub fn word(self) -> &'static str {
        match self {
            ActorKind::CommandLine => "command-line",
            ActorKind::Account => "account",
            ActorKind::Service => "service",
        }
    }
}

impl Actor {
    /// A user of the operating system who types a command.
    pub fn command_line(user: &str, host: &str) -> Actor {
        Actor::new(ActorKind::CommandLine, user, host)
    }

    pub fn account(name: &str, address: &str) -> Actor {
        Actor::new(ActorKind::Account, name, address)
    }

    /// A part of the service that does something by itself: `scheduler`, `retention`.
    pub fn service(part: &str, host: &str) -> Actor {
        Actor::new(ActorKind::Service, part, host)
    }

    fn new(kind: ActorKind, name: &str, origin: &str) -> Actor {
        Actor { kind, name: name.to_owned(), origin: origin.to_owned() }
    }

    /// Something that this one does now.
    pub fn act(&self, at: Timestamp) -> Act<'_> {
        Act { actor: self, at, reason: "" }
    }
}

impl<'a> Act<'a> {
    pub fn because(self, reason: &'a str) -> Act<'a> {
        Act { reason, ..self }
    }
}
