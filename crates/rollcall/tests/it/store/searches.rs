//! A search in the changes of a long run or plan finds what reading all of them would find.

use reconcile::gate::decisions::SourceState;
use rollcall::store::Db;
use rollcall::store::connectors::Connector;
use rollcall::store::fields::AlteredField;
use rollcall::store::plans::{self, NewPlan, PlanKind, PlanStatus};
use rollcall::store::runs::{self, Page, Trigger};
use rollcall::store::targets::{self, Target, TargetId, TargetKind};
use rollcall::with_pool;
use serde_json::json;

use super::{act, at, begin, connector};
use crate::databases::on_both;

/// More than one block of a search, and not a whole number of blocks.
const CHANGES: i64 = 1_130;

const EVERYTHING: Page = Page { after: 0, rows_max: 9_999 };

/// What is filtered by, what is seen of it from which change on, and what is found.
struct Case {
    kind: &'static str,
    outcome: &'static str,
    text: &'static str,
    page: Page,
    found: &'static [i64],
}

const CASES: [Case; 16] = [
    Case { kind: "", outcome: "", text: "ada", page: EVERYTHING, found: &[1, 250, 251, 1130] },
    Case { kind: "", outcome: "", text: " ADA.L", page: EVERYTHING, found: &[1, 250, 251, 1130] },
    Case {
        kind: "",
        outcome: "",
        text: "ada",
        page: Page { after: 1, rows_max: 2 },
        found: &[250, 251],
    },
    Case {
        kind: "",
        outcome: "",
        text: "ada",
        page: Page { after: 251, rows_max: 9 },
        found: &[1130],
    },
    Case { kind: "rename", outcome: "", text: "", page: EVERYTHING, found: &[250, 700] },
    Case { kind: "rename", outcome: "", text: "ada", page: EVERYTHING, found: &[250] },
    Case { kind: "", outcome: "held", text: "", page: EVERYTHING, found: &[251, 700] },
    Case { kind: "rename", outcome: "held", text: "", page: EVERYTHING, found: &[700] },
    Case { kind: "ren", outcome: "", text: "", page: EVERYTHING, found: &[] },
    Case { kind: "", outcome: "", text: "id-700", page: EVERYTHING, found: &[700] },
    // Ids are told in full, and no character of a text is a wildcard.
    Case { kind: "", outcome: "", text: "d-700", page: EVERYTHING, found: &[] },
    Case { kind: "", outcome: "", text: "a_a", page: EVERYTHING, found: &[] },
    // In any case, of any alphabet.
    Case { kind: "", outcome: "", text: "ärzte ÜB", page: EVERYTHING, found: &[700, 701] },
    Case {
        kind: "",
        outcome: "",
        text: "über",
        page: Page { after: 0, rows_max: 1 },
        found: &[700],
    },
    Case { kind: "", outcome: "", text: "ber alles", page: EVERYTHING, found: &[700, 701, 702] },
    Case { kind: "", outcome: "", text: "Öber", page: EVERYTHING, found: &[702] },
];

/// What is filtered by, and what is found: changes of several fields by each, in any case, no part of a
/// name, and no number in place of one.
const OF_A_FIELD: [(&str, &str, &[i64]); 8] = [
    ("title", "", &[2, 700, 1130]),
    ("Title", "", &[2, 700, 1130]),
    ("title", "rename", &[700]),
    ("e-mail", "", &[2, 3]),
    ("floor, 2nd", "", &[1130]),
    ("floor", "", &[]),
    ("1", "", &[]),
    ("%", "", &[]),
];

fn fields(seq: i64) -> Vec<&'static str> {
    match seq {
        2 => vec!["e-mail", "title"],
        3 => vec!["e-mail"],
        700 => vec!["title"],
        1130 => vec!["floor, 2nd", "title"],
        _ => Vec::new(),
    }
}

fn told(altered: &[AlteredField]) -> Vec<String> {
    altered.iter().map(|it| format!("{} {}", it.field, it.changes)).collect()
}

fn kind(seq: i64) -> &'static str {
    if [250, 700].contains(&seq) { "rename" } else { "create" }
}

fn is_held(seq: i64) -> bool {
    [251, 700].contains(&seq)
}

fn username(seq: i64) -> String {
    if [1, 250, 251, 1130].contains(&seq) { "Ada.L".to_owned() } else { format!("user{seq}") }
}

fn group(seq: i64) -> Option<&'static str> {
    match seq {
        700 | 701 => Some("Ärzte ÜBER alles"),
        702 => Some("Ärzte ÖBER alles"),
        _ => None,
    }
}

#[tokio::test]
async fn a_search_in_a_run_finds_what_reading_it_would_find() {
    on_both(async |db| {
        let (onelogin, jira) = connector_and_target(&db).await;
        let run = begin(&db, &onelogin, Trigger::CommandLine, at(10)).await;
        let who: Vec<(i64, String, String)> =
            (1..=CHANGES).map(|it| (it, format!("id-{it}"), username(it))).collect();
        let rows = who.iter().map(|(seq, id, username)| runs::changes::ChangeRow {
            target: jira.id,
            kind: kind(*seq),
            external_id: Some(id),
            username: Some(username),
            group: group(*seq),
            fields: fields(*seq),
            detail: "".into(),
            reason: "".into(),
            outcome: if is_held(*seq) { "held" } else { "applied" }.into(),
            before: "".into(),
            after: "".into(),
            state: &SourceState::Silent,
        });
        let mut tx = db.begin().await.unwrap();
        runs::changes::insert(&mut tx, run, rows).await.unwrap();
        tx.commit().await.unwrap();
        for case in CASES {
            let Case { kind, outcome, text, page, found } = case;
            let filter = runs::changes::Filter {
                kind: kind.to_owned(),
                outcome: outcome.to_owned(),
                text: text.to_owned(),
                field: String::new(),
            };
            let rows = runs::changes::search(&db, run, &filter, page).await.unwrap();
            let seqs: Vec<i64> = rows.iter().map(|it| it.seq).collect();
            assert_eq!(seqs, found, "{filter:?}");
        }
        let everything = runs::changes::Filter::default();
        let all = runs::changes::search(&db, run, &everything, EVERYTHING).await.unwrap();
        assert_eq!(all.len(), 1_130);
        for (field, kind, found) in OF_A_FIELD {
            let (field, kind) = (field.to_owned(), kind.to_owned());
            let filter = runs::changes::Filter { field, kind, ..runs::changes::Filter::default() };
            let rows = runs::changes::search(&db, run, &filter, EVERYTHING).await.unwrap();
            let seqs: Vec<i64> = rows.iter().map(|it| it.seq).collect();
            assert_eq!(seqs, found, "{filter:?}");
        }
        let altered = runs::changes::altered(&db, run).await.unwrap();
        assert_eq!(told(&altered), ["e-mail 2", "floor, 2nd 1", "title 3"]);
    })
    .await;
}

#[tokio::test]
async fn a_search_in_a_plan_finds_what_reading_it_would_find() {
    on_both(async |db| {
        let (onelogin, jira) = connector_and_target(&db).await;
        let who: Vec<(i64, String, String)> =
            (1..=CHANGES).map(|it| (it, format!("id-{it}"), username(it))).collect();
        let rows = who.iter().map(|(seq, id, username)| plans::changes::ChangeRow {
            target: Some(jira.id),
            is_held: is_held(*seq),
            kind: kind(*seq),
            external_id: Some(id),
            username: Some(username),
            group: group(*seq),
            email: format!("Mail{seq}@Bücher.example").into(),
            fields: fields(*seq),
            words: String::new(),
            reason: if *seq == 700 { "OneLogin ÄNDERTE it" } else { "new" }.to_owned(),
            identity: String::new(),
            state: &SourceState::Silent,
            cause: if is_held(*seq) { 12 } else { 0 },
            before: "".into(),
            after: "".into(),
        });
        let new = NewPlan {
            connector: &onelogin,
            kind: PlanKind::Simulated,
            run: None,
            status: PlanStatus::Ready,
            made_by: "",
            expires_at: at(99),
            fingerprint: "",
            people: 0,
            report: &json!({}),
        };
        let mut tx = db.begin().await.unwrap();
        let plan = plans::insert(&mut tx, &new, at(10)).await.unwrap();
        plans::changes::insert(&mut tx, plan, rows.collect()).await.unwrap();
        tx.commit().await.unwrap();
        let found = async |cause, kind: &str, verdict: &str, search: &str, page| {
            let (kind, verdict, search) = (kind.to_owned(), verdict.to_owned(), search.to_owned());
            let none = plans::changes::Filter::default();
            let filter = plans::changes::Filter { cause, kind, verdict, search, ..none };
            let rows = plans::changes::list(&db, plan, &filter, page).await.unwrap();
            rows.iter().map(|it| it.seq).collect::<Vec<i64>>()
        };
        for case in CASES {
            let Case { kind, outcome, text, page, found: expected } = case;
            let seqs = found(0, kind, outcome, text, page).await;
            assert_eq!(seqs, expected, "{kind} {outcome} {text}");
        }
        assert_eq!(found(12, "", "", "", EVERYTHING).await, [251, 700]);
        assert_eq!(found(12, "", "", "ada", EVERYTHING).await, [251]);
        assert_eq!(found(2, "", "", "", EVERYTHING).await, [] as [i64; 0]);
        assert_eq!(found(0, "", "passes", "", EVERYTHING).await.len(), 1_128);
        assert_eq!(found(0, "", "", "", EVERYTHING).await.len(), 1_130);
        // An address is told with its @, so that a domain of everybody is not looked for everywhere.
        assert_eq!(found(0, "", "", "mail300@BÜCHER", EVERYTHING).await, [300]);
        assert_eq!(found(0, "", "", "@bücher", Page { after: 7, rows_max: 2 }).await, [8, 9]);
        assert_eq!(found(0, "", "", "bücher", EVERYTHING).await, [] as [i64; 0]);
        let with = async |because: &str, target| {
            let because = because.to_owned();
            let filter =
                plans::changes::Filter { because, target, ..plans::changes::Filter::default() };
            let rows = plans::changes::list(&db, plan, &filter, EVERYTHING).await.unwrap();
            rows.iter().map(|it| it.seq).collect::<Vec<i64>>()
        };
        assert_eq!(with("änderte", None).await, [700]);
        assert_eq!(with("onelogin", Some(jira.id)).await, [700]);
        assert_eq!(with("", Some(jira.id)).await.len(), 1_130);
        assert_eq!(with("", Some(TargetId(jira.id.0 + 1))).await, [] as [i64; 0]);
        assert_eq!(with("new%", None).await, [] as [i64; 0]);
        for (field, kind, expected) in OF_A_FIELD {
            let (field, kind) = (field.to_owned(), kind.to_owned());
            let none = plans::changes::Filter::default();
            let filter = plans::changes::Filter { field, kind, ..none };
            let rows = plans::changes::list(&db, plan, &filter, EVERYTHING).await.unwrap();
            let seqs: Vec<i64> = rows.iter().map(|it| it.seq).collect();
            assert_eq!(seqs, expected, "{filter:?}");
        }
        let altered = plans::changes::altered(&db, plan).await.unwrap();
        assert_eq!(told(&altered), ["e-mail 2", "floor, 2nd 1", "title 3"]);
        // A plan that was made before its blocks knew of reasons and targets is read whole.
        with_pool!(&db, pool => {
            sqlx::query("update plan_change_blocks set reasons = '', emails = '', \
                 marks = replace(marks, ',t', ',x')")
                .execute(pool).await.unwrap();
        });
        assert_eq!(with("änderte", Some(jira.id)).await, [700]);
        assert_eq!(with("", Some(TargetId(jira.id.0 + 1))).await, [] as [i64; 0]);
    })
    .await;
}

async fn connector_and_target(db: &Db) -> (Connector, Target) {
    let onelogin = connector(db, "OneLogin").await;
    let (jira, _) =
        targets::create(db, &onelogin, "jira", TargetKind::Crowd, &act(2)).await.unwrap();
    (onelogin, jira)
}
