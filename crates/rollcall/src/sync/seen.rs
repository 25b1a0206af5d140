//! What somebody was shown, by a digest: so that nothing else is done than what was seen.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use super::Decision;
use crate::store::plans::Plan;

/// Names what would be done of a decision, and what would be held. `about` tells questions apart that
/// come to the same changes.
pub fn digest_of(about: &str, decision: &Decision) -> String {
    let mut lines = vec![about.to_owned()];
    for target in &decision.targets {
        let name = target.target.as_ref().map_or(0, |it| it.id.0);
        for (word, steps) in [("do", target.approved.steps()), ("hold", &target.held.steps)] {
            for step in steps {
                lines.push(format!("{name} {word} {step}"));
            }
        }
    }
    URL_SAFE_NO_PAD.encode(digest(&SHA256, lines.join("\n").as_bytes()))
}

/// Tells what passes of a plan from what passed of it before: the changes of a plan stay, and only a
/// decision makes more or fewer of them pass. Empty before the first.
pub fn plan_as_seen(plan: &Plan) -> String {
    plan.decided_at.map_or_else(String::new, |at| at.as_microsecond().to_string())
}
