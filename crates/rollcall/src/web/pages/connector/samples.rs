//! A sample of each group source, from the last kept read: names that an admin recognises.

use super::effect;
use super::field::SectionView;
use crate::people::{self, PeopleError};
use crate::source::onelogin::replay::Replay;
use crate::source::onelogin::replay::sample::Sample;
use crate::source::onelogin::settings::GroupSource;
use crate::store::connectors::Connector;
use crate::web::App;
use crate::web::moment::count;
use crate::web::refusal::Refusal;

/// The sources by their words in the settings.
const SOURCES: [(&str, GroupSource); 3] = [
    ("member_of", GroupSource::MemberOf),
    ("roles", GroupSource::Roles),
    ("group", GroupSource::Group),
];

/// Puts a sample beside each choice of groups. Of many people only when it was asked for.
pub async fn add(
    app: &App,
    connector: &Connector,
    is_asked: bool,
    sections: &mut [SectionView],
) -> Result<(), Refusal> {
    let told = if is_asked || effect::is_small(app, connector).await? {
        told(app, connector).await?
    } else {
        all("Press Review to see a sample of the last read.")
    };
    let fields = sections.iter_mut().flat_map(|it| &mut it.fields);
    for choice in fields.filter(|it| it.name == "groups-from").flat_map(|it| &mut it.choices) {
        let of_it = told.iter().find(|(word, _)| *word == choice.value);
        choice.sample = of_it.map(|(_, sample)| sample.clone()).unwrap_or_default();
    }
    Ok(())
}

type Told = [(&'static str, String); 3];

fn all(sentence: &str) -> Told {
    SOURCES.map(|(word, _)| (word, sentence.to_owned()))
}

async fn told(app: &App, connector: &Connector) -> Result<Told, Refusal> {
    match people::last_read(app.db(), connector).await {
        Ok(stored) => Ok(SOURCES.map(|(word, source)| (word, sentence(&stored.replay, source)))),
        Err(PeopleError::NoRead { .. }) => {
            Ok(all("No read is kept yet. Simulate or sync once to see a sample here."))
        }
        Err(error @ PeopleError::Replay(_)) => Ok(all(&error.to_string())),
        Err(error) => Err(error.into()),
    }
}

fn sentence(replay: &Replay, source: GroupSource) -> String {
    let Some(sample) = replay.sample(source) else {
        return "The last read did not ask for these. Choose it, save, and simulate once to see a \
                sample here."
            .to_owned();
    };
    let Sample { groups, whole, largest } = sample;
    let noun = match (source, groups) {
        (GroupSource::MemberOf, 1) => "entry",
        (GroupSource::MemberOf, _) => "entries",
        (GroupSource::Roles, 1) => "role",
        (GroupSource::Roles, _) => "roles",
        (GroupSource::Group, 1) => "group",
        (GroupSource::Group, _) => "groups",
    };
    let figure = |number: usize| count(u64::try_from(number).unwrap_or(u64::MAX));
    if largest.is_empty() {
        return format!("Sample: the last read has no {noun}.");
    }
    let named = largest.iter().map(|(name, people)| match people {
        1 => format!("{name} (1 person)"),
        people => format!("{name} ({} people)", figure(*people)),
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let more = if largest.len() < groups { ", .." } else { "" };
    let odd = match whole {
        0 => String::new(),
        1 => " One of them is no distinguished name, and is taken whole.".to_owned(),
        whole => {
            format!(" {} of them are no distinguished names, and are taken whole.", figure(whole))
        }
    };
    format!("Sample: {} {noun} in the last read: {named}{more}.{odd}", figure(groups))
}
