//! Simulations that somebody asked for at a page: under way, and ended a short while ago.
//!
//! A simulation changes nothing, so it needs no lease and may go on beside a run. What it finds is
//! stored as a plan; what is kept here is only how far it is, in the process that carries it out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::plans;
use crate::run::{self, Engine, Ready};
use crate::seal;
use crate::source::onelogin::report::Progress;
use crate::store::plans::PlanId;
use crate::store::reads;
use crate::sync::{self, Event, Phase, SyncError};

/// The simulations of this process, by a name that nobody guesses.
#[derive(Clone, Debug, Default)]
pub struct Simulations(Arc<Mutex<BTreeMap<String, Simulation>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    pub connector: String,
    /// When it began, for the order in which they are forgotten.
    number: u64,
    pub state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    UnderWay {
        phase: Phase,
        /// What it told last.
        told: String,
    },
    /// The plan shows what a run would do.
    Planned(PlanId),
    /// Why there is none.
    Failed(String),
}

/// There is no place for another one.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{UNDER_WAY_MAX} simulations are under way already. Wait until one has ended.")]
pub struct Full;

/// Each holds a whole tenant in memory.
const UNDER_WAY_MAX: usize = 3;
const KEPT_MAX: usize = 50;

impl Simulations {
    /// Begins one, and tells its name.
    pub fn start(&self, engine: &Engine, ready: Ready, made_by: &str) -> Result<String, Full> {
        let connector = ready.connector.name.as_str().to_owned();
        let name = self.admit(connector)?;
        let (simulations, engine) = (self.clone(), engine.clone());
        let (key, made_by) = (name.clone(), made_by.to_owned());
        tokio::spawn(async move {
            let planned = simulations.carry_out(&engine, &ready, &key, &made_by).await;
            simulations.set(
                &key,
                match planned {
                    Ok(plan) => State::Planned(plan),
                    Err(error) => State::Failed(error.to_string()),
                },
            );
        });
        Ok(name)
    }

    pub fn find(&self, name: &str) -> Option<Simulation> {
        self.all().get(name).cloned()
    }

    async fn carry_out(
        &self,
        engine: &Engine,
        ready: &Ready,
        name: &str,
        made_by: &str,
    ) -> Result<PlanId, SyncError> {
        let watch = |event: Event| self.note(name, &event);
        let decision = Box::pin(sync::decide(ready.job(&engine.db), &watch)).await;
        run::note_budget(&engine.db, ready.connector.id, &ready.source).await;
        let decision = decision?;
        if let Some(kept) = ready.source.kept() {
            reads::keep(&engine.db, ready.connector.id, &kept).await?;
        }
        let calls = ready.source.calls();
        let kept = plans::keep_simulation(&engine.db, &ready.connector, &decision, &calls, made_by);
        Ok(kept.await?)
    }

    fn admit(&self, connector: String) -> Result<String, Full> {
        let mut all = self.all();
        let is_under_way = |it: &&Simulation| matches!(it.state, State::UnderWay { .. });
        if UNDER_WAY_MAX <= all.values().filter(is_under_way).count() {
            return Err(Full);
        }
        if KEPT_MAX <= all.len() {
            let ended = all.iter().filter(|(_, it)| !is_under_way(it));
            let oldest = ended.min_by_key(|(_, it)| it.number).map(|(name, _)| name.clone());
            oldest.and_then(|it| all.remove(&it));
        }
        let number = all.values().map(|it| it.number).max().unwrap_or(0) + 1;
        let name = seal::random::<9>().map_err(|_| Full)?;
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let state = State::UnderWay { phase: Phase::Read, told: String::new() };
        all.insert(name.clone(), Simulation { connector, number, state });
        Ok(name)
    }

    fn note(&self, name: &str, event: &Event) {
        let mut all = self.all();
        let Some(Simulation { state: State::UnderWay { phase, told }, .. }) = all.get_mut(name)
        else {
            return;
        };
        match event {
            Event::Phase(now) => *phase = *now,
            Event::Source(
                progress @ (Progress::Strategy(_)
                | Progress::Pages { .. }
                | Progress::Names { .. }
                | Progress::Waiting { .. }),
            ) => *told = progress.to_string(),
            Event::Line(text) => text.clone_into(told),
            Event::Counts(_) => {}
        }
    }

    fn set(&self, name: &str, state: State) {
        if let Some(it) = self.all().get_mut(name) {
            it.state = state;
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Simulation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_is_followed_to_its_end_and_then_forgotten() {
        let simulations = Simulations::default();
        let name = simulations.admit("OneLogin".to_owned()).unwrap();
        simulations.note(&name, &Event::Phase(Phase::Plan));
        simulations.note(&name, &Event::Line("Held.".to_owned()));
        let told = State::UnderWay { phase: Phase::Plan, told: "Held.".to_owned() };
        assert_eq!(simulations.find(&name).unwrap().state, told);
        simulations.set(&name, State::Planned(PlanId(7)));
        for _ in 0..KEPT_MAX {
            let other = simulations.admit("OneLogin".to_owned()).unwrap();
            simulations.set(&other, State::Failed("Nothing was read.".to_owned()));
        }
        assert_eq!(simulations.find(&name), None);
        assert_eq!(simulations.all().len(), KEPT_MAX);
    }

    #[test]
    fn no_more_are_under_way_than_memory_has_room_for() {
        let simulations = Simulations::default();
        for _ in 0..UNDER_WAY_MAX {
            simulations.admit("OneLogin".to_owned()).unwrap();
        }
        assert!(simulations.admit("OneLogin".to_owned()).is_err());
    }
}
