//! What the side channel can be told; the same commands in process, over HTTP and in scripts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    fault::{Armed, Fault, When},
    quirks::Quirks,
    tenant::Refused,
    user::{Moment, User},
    world::{Control, Ledger, Script, World},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    CreateUser {
        user: Box<User>,
    },
    UpdateUser {
        id: i64,
        set: Map<String, Value>,
    },
    DeleteUser {
        id: i64,
    },
    CreateRole {
        id: Option<i64>,
        name: String,
    },
    RenameRole {
        id: i64,
        name: String,
    },
    DeleteRole {
        id: i64,
    },
    AddRoleMember {
        role: i64,
        user: i64,
    },
    RemoveRoleMember {
        role: i64,
        user: i64,
    },
    CreateGroup {
        id: Option<i64>,
        name: String,
    },
    RenameGroup {
        id: i64,
        name: String,
    },
    DeleteGroup {
        id: i64,
    },
    #[serde(untagged)]
    Steer(Steer),
}

/// Changes how the sandbox behaves, not what is in the tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Steer {
    /// The named switches only.
    SetQuirks {
        set: Map<String, Value>,
    },
    Inject {
        fault: Fault,
    },
    ClearFaults,
    /// Calls that somebody else makes.
    Consume {
        calls: u32,
    },
    /// The token that is out has so many seconds left.
    AgeToken {
        remaining_seconds: i64,
    },
    RevokeToken,
    MoveClock {
        seconds: i64,
    },
    ResetLedger,
    /// Runs `commands` when the n-th good answer is ready, before it is sent.
    After {
        after: When,
        commands: Vec<Command>,
    },
}

/// Somebody joins or leaves a role from the role's side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Membership {
    role: i64,
    user: i64,
    joins: bool,
}

impl Command {
    /// The id of what was created, if something was.
    pub(super) fn run(self, world: &World) -> Result<Option<i64>, Refused> {
        let (now, quirks) = {
            let control = world.control();
            (control.now(), control.quirks.clone())
        };
        let id = match self {
            Command::CreateUser { user } => Some(world.tenant_mut().create_user(*user, now)?),
            Command::CreateRole { id, name } => Some(world.tenant_mut().create_role(id, &name)?),
            Command::CreateGroup { id, name } => Some(world.tenant_mut().create_group(id, &name)?),
            Command::UpdateUser { id, set } => {
                let (roles, group) = (quirks.role_change_on_user, quirks.group_change);
                none(world.tenant_mut().update_user(id, &set, now, roles, group))?
            }
            Command::DeleteUser { id } => none(world.tenant_mut().delete_user(id))?,
            Command::RenameRole { id, name } => none(world.tenant_mut().rename_role(id, &name))?,
            Command::DeleteRole { id } => none(world.tenant_mut().delete_role(id))?,
            Command::AddRoleMember { role, user } => {
                let membership = Membership { role, user, joins: true };
                none(membership.request(world, quirks.role_delay_ms))?
            }
            Command::RemoveRoleMember { role, user } => {
                let membership = Membership { role, user, joins: false };
                none(membership.request(world, quirks.role_delay_ms))?
            }
            Command::RenameGroup { id, name } => none(world.tenant_mut().rename_group(id, &name))?,
            Command::DeleteGroup { id } => none(world.tenant_mut().delete_group(id))?,
            Command::Steer(steer) => none(steer.run(&mut world.control(), now))?,
        };
        Ok(id)
    }
}

impl Steer {
    fn run(self, control: &mut Control, now: Moment) -> Result<(), Refused> {
        match self {
            Steer::SetQuirks { set } => control.quirks = with(&control.quirks, set)?,
            Steer::Inject { fault } => control.faults.push(Armed::new(fault)),
            Steer::ClearFaults => control.faults.clear(),
            Steer::Consume { calls } => control.limiter.consume(calls, now),
            Steer::AgeToken { remaining_seconds } => control.tokens.age(remaining_seconds, now),
            Steer::RevokeToken => control.tokens.forget(),
            Steer::MoveClock { seconds } => {
                let ms = seconds.saturating_mul(1_000);
                control.clock_offset_ms = control.clock_offset_ms.saturating_add(ms);
            }
            Steer::ResetLedger => control.ledger = Ledger::new(),
            Steer::After { after, commands } => {
                control.scripts.push(Script { after, commands, seen: 0 });
            }
        }
        Ok(())
    }
}

fn none(outcome: Result<(), Refused>) -> Result<Option<i64>, Refused> {
    outcome.map(|()| None)
}

impl Membership {
    /// OneLogin queues the change: it shows up only after a while.
    fn request(self, world: &World, delay_ms: u64) -> Result<(), Refused> {
        if delay_ms == 0 {
            return self.settle(world);
        }
        let mut control = world.control();
        let due = Moment(control.now().0.saturating_add_unsigned(delay_ms));
        control.delayed.push((due, self));
        Ok(())
    }

    pub(super) fn settle(self, world: &World) -> Result<(), Refused> {
        let (now, stamp) = {
            let control = world.control();
            (control.now(), control.quirks.role_change_on_role)
        };
        let mut tenant = world.tenant_mut();
        if self.joins {
            tenant.add_role_member(self.role, self.user, now, stamp)
        } else {
            tenant.remove_role_member(self.role, self.user, now, stamp)
        }
    }
}

fn with(quirks: &Quirks, set: Map<String, Value>) -> Result<Quirks, Refused> {
    let unreadable = |error: serde_json::Error| Refused(format!("not a quirk: {error}"));
    let mut value = serde_json::to_value(quirks).map_err(unreadable)?;
    if let Some(fields) = value.as_object_mut() {
        fields.extend(set);
    }
    serde_json::from_value(value).map_err(unreadable)
}
