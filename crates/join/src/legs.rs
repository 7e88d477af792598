//! The state of each leg.

use adproof_model::{Event, Execution, Leg, LegDetail, LegEvidence, LegState};

/// Sorts events into legs and says what state each leg is in. `events` and `late` are in
/// canonical order.
pub(crate) fn legs(events: Vec<Event>, late: Vec<Event>) -> [LegEvidence; 6] {
    let mut legs = Leg::ALL.map(|leg| LegEvidence {
        leg,
        state: LegState::Absent,
        events: Vec::new(),
        late: Vec::new(),
    });
    for event in events {
        if let Some(leg) = legs.get_mut(event.leg().index()) {
            leg.events.push(event);
        }
    }
    for event in late {
        if let Some(leg) = legs.get_mut(event.leg().index()) {
            leg.late.push(event);
        }
    }
    for leg in &mut legs {
        leg.state = state(leg);
    }
    let [.., creative, vast, execution, billing] = &mut legs;
    let failed = |event: &Event| {
        matches!(event.detail, LegDetail::Execution { outcome: Execution::Failed(_), .. })
    };
    let mut won = [creative, vast, execution, billing];
    if won.iter().all(|leg| leg.state == LegState::Absent) {
        for leg in &mut won {
            leg.state = LegState::NotApplicable;
        }
    }
    let [.., execution, billing] = won;
    let only_failures = execution.state == LegState::Present && execution.events.iter().all(failed);
    if only_failures && billing.state == LegState::Absent {
        billing.state = LegState::NotApplicable;
    }
    legs
}

fn state(leg: &LegEvidence) -> LegState {
    let mut best = None;
    for event in &leg.events {
        let state = match event.detail {
            LegDetail::Withheld { redacted: true, .. } => LegState::Redacted,
            LegDetail::Withheld { redacted: false, .. } => LegState::Refused,
            _ => return LegState::Present,
        };
        // Who redacts says that there is something; who refuses does not.
        if best != Some(LegState::Redacted) {
            best = Some(state);
        }
    }
    match best {
        Some(state) => state,
        None if leg.late.is_empty() => LegState::Absent,
        None => LegState::Late,
    }
}
