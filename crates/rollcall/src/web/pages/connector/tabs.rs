//! What the tabs of a connector hold: every setting with its label, once.

use crate::notation::SCHEDULE;

/// One tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    General,
    GroupSync,
    RequiredGroups,
    UserProvisioning,
    GroupProvisioning,
    SyncSettings,
    Targets,
    History,
}

/// Settings that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    pub title: &'static str,
    pub lead: &'static str,
    pub entries: &'static [Entry],
}

/// One setting as a page asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The flag of `connector edit`, which is the name of the field, too.
    pub flag: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    pub control: Control,
}

/// A value, its label, and what it means.
pub type Choice = (&'static str, &'static str, &'static str);

#[derive(Clone, Copy, Debug)]
pub enum Control {
    /// With its unit.
    Number(&'static str),
    Switch,
    /// One of several.
    One(&'static [Choice]),
    /// One of a longer list, without explanations.
    Select(&'static [Choice]),
    /// Any of several.
    Any(&'static [Choice]),
    /// One value a line.
    Lines,
    /// An expression, and whether it counts.
    Schedule,
    Text,
}

impl Tab {
    pub const ALL: [Tab; 8] = [
        Tab::General,
        Tab::GroupSync,
        Tab::RequiredGroups,
        Tab::UserProvisioning,
        Tab::GroupProvisioning,
        Tab::SyncSettings,
        Tab::Targets,
        Tab::History,
    ];

    /// As addresses spell it.
    pub fn word(self) -> &'static str {
        match self {
            Tab::General => "general",
            Tab::GroupSync => "group-sync-settings",
            Tab::RequiredGroups => "required-groups",
            Tab::UserProvisioning => "user-provisioning",
            Tab::GroupProvisioning => "group-provisioning",
            Tab::SyncSettings => "sync-settings",
            Tab::Targets => "targets",
            Tab::History => "history",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Tab::General => "General",
            Tab::GroupSync => "Group Sync Settings",
            Tab::RequiredGroups => "Required Groups",
            Tab::UserProvisioning => "User Provisioning",
            Tab::GroupProvisioning => "Group Provisioning",
            Tab::SyncSettings => "Sync Settings",
            Tab::Targets => "Targets",
            Tab::History => "History",
        }
    }

    pub fn from_word(word: &str) -> Option<Tab> {
        Tab::ALL.into_iter().find(|it| it.word() == word)
    }

    pub fn sections(self) -> &'static [Section] {
        match self {
            Tab::General => GENERAL,
            Tab::GroupSync => GROUP_SYNC,
            Tab::RequiredGroups => REQUIRED_GROUPS,
            Tab::UserProvisioning => USER_PROVISIONING,
            Tab::GroupProvisioning => GROUP_PROVISIONING,
            Tab::SyncSettings => SYNC_SETTINGS,
            Tab::Targets | Tab::History => &[],
        }
    }

    /// Whether there is something to save.
    pub fn is_form(self) -> bool {
        !self.sections().is_empty()
    }

    pub fn entries(self) -> impl Iterator<Item = &'static Entry> {
        self.sections().iter().flat_map(|it| it.entries)
    }

    /// The tab that has the setting of a flag.
    pub fn of(flag: &str) -> Option<Tab> {
        Tab::ALL.into_iter().find(|it| it.entries().any(|it| it.flag == flag))
    }
}

/// The label of the setting of a flag.
pub fn label(flag: &str) -> &'static str {
    let entry = Tab::ALL.into_iter().flat_map(Tab::entries).find(|it| it.flag == flag);
    entry.map_or("", |it| it.label)
}

const GENERAL: &[Section] = &[Section {
    title: "API calls",
    lead: "OneLogin allows a number of calls an hour, to all tools of your account together.",
    entries: &[Entry {
        flag: "minimum-remaining-api-calls",
        label: "Minimum remaining API calls",
        help: "No run starts, and none goes on, if fewer calls are left this hour.",
        control: Control::Number("calls"),
    }],
}];

/// What becomes a group; the form that makes a connector asks for it, too.
pub const GROUPS_FROM: Section = Section {
    title: "What becomes a group?",
    lead: "One walk of the user list answers all three.",
    entries: &[Entry {
        flag: "groups-from",
        label: "Groups of OneLogin",
        help: "",
        control: Control::Any(&[
            (
                "member_of",
                "Groups from member_of",
                "The groups of a directory that is connected to OneLogin, for example Active Directory.",
            ),
            ("roles", "Groups from roles", "Each OneLogin role becomes a group."),
            (
                "group",
                "Group from group of a user",
                "The single OneLogin group of each user becomes a group.",
            ),
        ]),
    }],
};

const GROUP_SYNC: &[Section] = &[
    GROUPS_FROM,
    Section {
        title: "If the same name comes from two places",
        lead: "",
        entries: &[
            Entry {
                flag: "on-equal-names",
                label: "Equal names",
                help: "",
                control: Control::One(&[
                    ("merge", "Merge", "One group with the members of both."),
                    (
                        "prefix",
                        "Keep apart with a prefix",
                        "Each group gets its source before its name.",
                    ),
                    ("first-wins", "First wins", "The first source of the order below alone."),
                ]),
            },
            Entry {
                flag: "source-order",
                label: "Order of the sources",
                help: "Counts where the first wins.",
                control: Control::Select(&[
                    ("roles,group,member_of", "roles, group, member_of", ""),
                    ("roles,member_of,group", "roles, member_of, group", ""),
                    ("group,roles,member_of", "group, roles, member_of", ""),
                    ("group,member_of,roles", "group, member_of, roles", ""),
                    ("member_of,roles,group", "member_of, roles, group", ""),
                    ("member_of,group,roles", "member_of, group, roles", ""),
                ]),
            },
        ],
    },
];

/// Who takes part; the form that makes a connector asks for the first of it, too.
pub const REQUIRED: Entry = Entry {
    flag: "required-group",
    label: "Required OneLogin Groups",
    help: "Only people in these are synchronised; empty means everybody. One a line: Staff, \
           role:Jira Users, group:Sales, member_of:CN=Jira or role:#117. Fewer people are fewer API calls.",
    control: Control::Lines,
};

const REQUIRED_GROUPS: &[Section] = &[
    Section {
        title: "Only sync people who are in",
        lead: "",
        entries: &[
            REQUIRED,
            Entry {
                flag: "match",
                label: "They have to be in",
                help: "",
                control: Control::One(&[("any", "any of these", ""), ("all", "all of these", "")]),
            },
        ],
    },
    Section {
        title: "And leave out",
        lead: "",
        entries: &[
            Entry {
                flag: "excluded-group",
                label: "Excluded OneLogin Groups",
                help: "Nobody in these is synchronised. One a line, written as above.",
                control: Control::Lines,
            },
            Entry {
                flag: "where",
                label: "Only where",
                help: "Conditions on fields, all of which must be met. One a line: department = Sales, \
                       or email ends with @acme.com.",
                control: Control::Lines,
            },
        ],
    },
];

const USER_PROVISIONING: &[Section] = &[
    Section {
        title: "Match people by",
        lead: "A person keeps their account by this, whatever their name or e-mail becomes.",
        entries: &[Entry {
            flag: "key",
            label: "Primary key",
            help: "Empty is the id of OneLogin. A field and transformations: \
                   custom_attributes.employee_id | trim.",
            control: Control::Text,
        }],
    },
    Section {
        title: "Attribute mapping",
        lead: "What becomes of the fields of OneLogin. What no row says stays as it is.",
        entries: &[Entry {
            flag: "map",
            label: "Mapping rows",
            help: "One a line: username = email | lower | strip-domain. After ; what is done where no \
                   transformation applies: untransformed, ignore, clear or skip. Targets: username, email, \
                   first-name, last-name, display-name, active, title, department, organisation, phone, \
                   locale, time-zone, synch.NAME.",
            control: Control::Lines,
        }],
    },
    Section {
        title: "Status table",
        lead: "What a status of OneLogin means for the account here.",
        entries: &[Entry {
            flag: "status",
            label: "Rows that differ from the default",
            help: "One a line: locked = keep. Each may be activate, deactivate, keep or do-not-create.",
            control: Control::Lines,
        }],
    },
    Section {
        title: "New accounts",
        lead: "",
        entries: &[Entry {
            flag: "create-if",
            label: "Create accounts only where",
            help: "An expression that says yes of whoever gets an account where there is none, as \
                   user.company == \"Acme\" or groups.has(\"staff\"), or false. Empty is everybody.",
            control: Control::Text,
        }],
    },
    Section {
        title: "Protected people",
        lead: "Whoever is named here is never changed, deactivated or removed.",
        entries: &[Entry {
            flag: "protect",
            label: "Protected people",
            help: "Usernames, e-mail addresses or ids, one a line. Patterns are fine: *@partner.example.",
            control: Control::Lines,
        }],
    },
];

const GROUP_PROVISIONING: &[Section] = &[
    Section {
        title: "Name rule",
        lead: "Applied before everything else that refers to a group by its name.",
        entries: &[
            Entry {
                flag: "group-names",
                label: "Transformations",
                help: "As lower | prefix \"ol-\" | replace \" \" \"-\". Empty keeps the names.",
                control: Control::Text,
            },
            Entry {
                flag: "unmatched-groups",
                label: "A group whose name no transformation applies to",
                help: "",
                control: Control::One(&[
                    ("untransformed", "Keeps its name", ""),
                    ("leave-out", "Is left out", "It gives no group."),
                    ("skip-user", "Leaves out its people", "Whoever has it takes no part."),
                ]),
            },
        ],
    },
    Section {
        title: "Which groups",
        lead: "Names of groups as the directory has them. A pattern is jira-* or /^ext-[0-9]+$/.",
        entries: &[
            Entry {
                flag: "only-group",
                label: "Only these groups",
                help: "Names or patterns, one a line; empty means all.",
                control: Control::Lines,
            },
            Entry {
                flag: "except-group",
                label: "Without these groups",
                help: "Names or patterns, one a line.",
                control: Control::Lines,
            },
        ],
    },
    Section {
        title: "Groups that everybody gets",
        lead: "",
        entries: &[
            Entry {
                flag: "always-assign",
                label: "Always add everybody to",
                help: "Every active user gets these groups. One name a line.",
                control: Control::Lines,
            },
            Entry {
                flag: "assign-with",
                label: "Add by source",
                help: "A group for whoever has a group of that source, one a line: roles=jira-users.",
                control: Control::Lines,
            },
            Entry {
                flag: "assign-if",
                label: "Add by expression",
                help: "A group for every active user of whom an expression says yes, one a line: \
                       jira-users=not groups.has(\"portal\").",
                control: Control::Lines,
            },
        ],
    },
    Section {
        title: "Groups to be careful with",
        lead: "",
        entries: &[
            Entry {
                flag: "never-touch",
                label: "Never touch",
                help: "These groups stay as they are, with whoever is in them. Names or patterns, one a line.",
                control: Control::Lines,
            },
            Entry {
                flag: "adopt-group",
                label: "Adopt local groups",
                help: "Groups that were made by hand in a target, one name a line. Once somebody approves it, \
                       the source decides who is in them.",
                control: Control::Lines,
            },
            Entry {
                flag: "privileged-group",
                label: "Privileged groups",
                help: "Joining one of these always asks for approval. jira-administrators, \
                       confluence-administrators, site-admins and org-admins always do.",
                control: Control::Lines,
            },
        ],
    },
    Section {
        title: "Empty groups",
        lead: "",
        entries: &[
            Entry {
                flag: "empty-groups",
                label: "A group that nobody is in",
                help: "",
                control: Control::One(&[
                    ("keep", "Keep", "It stays, and is not made."),
                    ("create", "Create", "It is made where the source has it."),
                    ("remove", "Remove", "It goes, after the days below."),
                ]),
            },
            Entry {
                flag: "empty-groups-days",
                label: "Remove when empty for",
                help: "0 is at once.",
                control: Control::Number("days"),
            },
        ],
    },
];

const SYNC_SETTINGS: &[Section] = &[
    Section {
        title: "Scheduled Synchronization",
        lead: "Whatever the schedule, a run can always be started by hand.",
        entries: &[
            Entry {
                flag: SCHEDULE,
                label: "Cron expression",
                help: "Five fields, as 0 2 * * *, or six to seven with seconds first, as 0 0/15 * * * ?.",
                control: Control::Schedule,
            },
            Entry {
                flag: "time-zone",
                label: "Time zone",
                help: "An IANA name: Europe/Berlin.",
                control: Control::Text,
            },
            Entry {
                flag: "catch-up",
                label: "If we were down, run once if less late than",
                help: "As 30m, 6h or 2d; 0 is never.",
                control: Control::Text,
            },
            Entry {
                flag: "jitter",
                label: "Spread the start by up to",
                help: "As 90s or 2m, so that not everything starts at once.",
                control: Control::Text,
            },
            Entry {
                flag: "pause-after",
                label: "Pause after",
                help: "0 is never.",
                control: Control::Number("failures in a row"),
            },
        ],
    },
    Section {
        title: "Cleanup behaviour",
        lead: "What happens to a user who is gone from OneLogin or out of scope. Whoever is missing \
               is asked for by id first; a partial read never removes anybody.",
        entries: &[
            Entry {
                flag: "cleanup",
                label: "Gone or out of scope",
                help: "",
                control: Control::One(&[
                    ("disable", "Disable", "The account is deactivated and stays."),
                    ("delete", "Delete", "The account is removed."),
                    (
                        "anonymise",
                        "Anonymise",
                        "The account is deactivated, and its name and e-mail are replaced.",
                    ),
                    ("keep", "Keep", "Nothing is taken away."),
                ]),
            },
            Entry {
                flag: "cleanup-expression",
                label: "Cleanup expression",
                help: "Decides of each leaver before the choice above does: it says \"disable\", \
                       \"delete\", \"anonymise\" or \"keep\", as \"keep\" if groups.has(\"always-active\").",
                control: Control::Text,
            },
            Entry {
                flag: "anonymise-usernames",
                label: "Anonymising replaces the username, too",
                help: "",
                control: Control::Switch,
            },
            Entry {
                flag: "leave-groups",
                label: "Take leavers out of their groups",
                help: "",
                control: Control::Switch,
            },
            Entry {
                flag: "keep-group",
                label: "But leave them in",
                help: "Groups that leavers stay in all the same. Names or patterns, one a line.",
                control: Control::Lines,
            },
            Entry {
                flag: "grace-reads",
                label: "Counts as gone after",
                help: "So many reads in a row must confirm it.",
                control: Control::Number("reads"),
            },
            Entry {
                flag: "grace-hours",
                label: "And not before",
                help: "So many hours after the first of them.",
                control: Control::Number("hours"),
            },
        ],
    },
    Section {
        title: "Safety limits",
        lead: "A plan that would do more waits for approval. Additions and updates go on.",
        entries: &[
            limit("limit-deactivations", "Deactivate more than", "people"),
            limit("limit-deactivations-percent", "Deactivate more than, of the active users", "%"),
            limit("limit-removals", "Remove more than", "people"),
            limit("limit-removals-percent", "Remove more than, of all users", "%"),
            limit("limit-membership-removals", "End more than", "memberships"),
            limit("limit-membership-removals-percent", "End more than, of all memberships", "%"),
            limit("limit-renames", "Rename more than", "people"),
            limit("limit-renames-percent", "Rename more than, of the active users", "%"),
            Entry {
                flag: "limit-email-changes",
                label: "Change the e-mail of more than",
                help: "Empty is no limit.",
                control: Control::Number("people"),
            },
            limit(
                "limit-email-changes-percent",
                "Change the e-mail of more than, of the active users",
                "%",
            ),
            limit("limit-group-loss-percent", "Take from one group more than", "% of its members"),
            limit(
                "limit-group-loss-members",
                "Only of groups with so many members or more",
                "members",
            ),
            limit("limit-shrinkage-percent", "The source has fewer people by more than", "%"),
            limit("small-directory-floor", "As many of a kind always pass", "changes"),
            Entry {
                flag: "hold",
                label: "While held",
                help: "",
                control: Control::One(&[
                    (
                        "harmful",
                        "Apply additions and updates",
                        "What a limit is about waits, with what depends on it.",
                    ),
                    ("everything", "Apply nothing", "The whole plan waits."),
                ]),
            },
            limit("plan-expiry-hours", "A held plan, and an approval, waits for", "hours"),
            limit("rejection-days", "A rejection lasts for", "days"),
        ],
    },
];

const fn limit(flag: &'static str, label: &'static str, unit: &'static str) -> Entry {
    Entry { flag, label, help: "", control: Control::Number(unit) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::notation::SETTINGS;

    #[test]
    fn every_setting_is_on_one_tab() {
        let shown: Vec<&str> =
            Tab::ALL.into_iter().flat_map(Tab::entries).map(|it| it.flag).collect();
        let once: BTreeSet<&str> = shown.iter().copied().collect();
        assert_eq!(once.len(), shown.len());
        assert_eq!(once, SETTINGS.iter().map(|it| it.flag).collect());
    }

    #[test]
    fn the_words_of_the_guide_are_on_the_tabs() {
        let mut words: Vec<&str> = Tab::ALL.map(Tab::label).to_vec();
        for entry in Tab::ALL.into_iter().flat_map(Tab::entries) {
            words.push(entry.label);
            if let Control::Any(choices) = entry.control {
                words.extend(choices.iter().map(|(_, label, _)| label));
            }
        }
        for word in [
            "Sync Settings",
            "Minimum remaining API calls",
            "Groups from member_of",
            "Groups from roles",
            "Group from group of a user",
            "Required OneLogin Groups",
        ] {
            assert!(words.contains(&word), "{word}");
        }
    }
}
