//! What a run came to, in numbers: for lists of runs. They are in its report, so that no change
//! has to be counted for them.

use serde_json::Value;

use crate::store::runs::Run;

/// Of all targets together; none where the run did not come so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    pub applied: Option<u64>,
    pub held: Option<u64>,
    pub findings: Option<u64>,
    pub calls: Option<u64>,
}

pub fn of(run: &Run) -> RunCounts {
    let report: Value = serde_json::from_str(&run.report).unwrap_or(Value::Null);
    let targets = report.get("targets").and_then(Value::as_array);
    let of_targets = |key: &str| -> Option<u64> {
        let counts = targets?.iter().map(|it| it.get(key).map_or(0, sum));
        Some(counts.sum())
    };
    RunCounts {
        applied: of_targets("applied"),
        held: of_targets("held"),
        findings: report.get("findings").map(sum),
        calls: report.pointer("/calls/total").and_then(Value::as_u64),
    }
}

/// Of an object of numbers.
fn sum(counts: &Value) -> u64 {
    let counts = counts.as_object().into_iter().flatten();
    counts.filter_map(|(_, count)| count.as_u64()).sum()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use reconcile::principal::Name;

    use super::*;
    use crate::store::connectors::ConnectorId;
    use crate::store::runs::{RunId, Status, Task};

    fn run(report: &str) -> Run {
        Run {
            id: RunId(1),
            connector_id: ConnectorId(1),
            connector_name: Name::new("OneLogin"),
            trigger: "schedule".to_owned(),
            started_by: String::new(),
            node: String::new(),
            status: Status::Held,
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
            message: String::new(),
            report: report.to_owned(),
            settings: String::new(),
            retry_of: None,
            stop_asked_by: None,
            slot: None,
            task: Task::Everybody,
        }
    }

    #[test]
    fn a_run_is_counted_as_far_as_it_came() {
        let report = r#"{ "targets": [{ "applied": { "create": 3, "rename": 1 }, "held": {} },
            { "applied": { "create": 2 }, "held": { "deactivate": 7 } }],
            "findings": { "invalid": 2, "conflict": 1 }, "calls": { "total": 40 } }"#;
        let all = RunCounts { applied: Some(6), held: Some(7), findings: Some(3), calls: Some(40) };
        assert_eq!(of(&run(report)), all);
        let failed = RunCounts { calls: Some(4), ..RunCounts::default() };
        assert_eq!(of(&run(r#"{ "phases": [], "calls": { "total": 4 } }"#)), failed);
        assert_eq!(of(&run("")), RunCounts::default());
    }
}
