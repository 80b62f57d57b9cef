//! Rules at work: counts what the intake takes and what calls there were, and makes events of what begins to hold and ceases.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use engine::{Clock, Evidence, Tick};
use manage_api::{Ask, Said};
use notices::{Alert, Alerts, Condition, Event, Label, Rule};
use telemetry::Telemetry;

use super::Notices;
use super::settings::{filter, severity};
use super::sink::unix;

/// How often is looked whether a rule holds.
const LOOK: Duration = Duration::from_secs(1);

/// Alerts that are told at one time; what else has changed is told a look later.
const TOGETHER: usize = 256;
/// How long the owners of all their applications are waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Rules and what they are judged by.
#[derive(Default)]
pub(super) struct Watch {
    alerts: Alerts,
    /// Who answers for an API.
    owners: BTreeMap<String, String>,
    /// Calls of each operation when it was looked last.
    seen: HashMap<(Arc<str>, Arc<str>), u64>,
    looked: Option<Tick>,
}

/// Something to be told, and to whom: sinks by name, or all that want such.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) event: Event,
    /// Who answers for what it is about: for the application, and for the API.
    pub(super) owners: Vec<String>,
    pub(super) sinks: Vec<String>,
}

impl Watch {
    /// Watches from now on what another document says.
    pub(super) fn apply(&mut self, document: &spec::Document, telemetry: &Telemetry, clock: &dyn Clock) {
        let knew_calls = self.alerts.wants_calls();
        let rules = document.notify.iter().flat_map(|notify| &notify.alerts);
        let rules = rules.map(|(name, alert)| rule(name, alert, document)).collect();
        let alerts = Alerts::new(rules, unix(clock));
        let before = std::mem::replace(&mut self.alerts, alerts);
        self.alerts.take_over(before);
        if self.alerts.wants_calls() && !knew_calls {
            // What there was before a rule asked for it belongs to no window.
            let calls = telemetry.calls().into_iter();
            self.seen = calls.map(|(api, operation, count)| ((api, operation), count)).collect();
        }
        let owned = document.apis.iter().filter_map(|(name, api)| Some((name.clone(), api.owner.clone()?)));
        self.owners = owned.collect();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }

    /// How many alerts hold, and how many events were not counted for want of room.
    pub(super) fn numbers(&self) -> (usize, u64) {
        (self.alerts.firing(), self.alerts.overflow())
    }

    pub(super) fn event(&mut self, record: &Evidence, clock: &dyn Clock) {
        self.alerts.event(record, unix(clock));
    }

    /// What has changed, when it is time to look; `most` at a time.
    fn look(&mut self, telemetry: &Telemetry, clock: &dyn Clock, most: usize) -> Vec<(Rule, Alert)> {
        let now = clock.now();
        if self.alerts.is_empty() || self.looked.is_some_and(|at| now.since(at) < LOOK) {
            return Vec::new();
        }
        let at = unix(clock);
        if self.alerts.wants_calls() {
            for (api, operation, count) in telemetry.calls() {
                let seen = self.seen.insert((Arc::clone(&api), Arc::clone(&operation)), count);
                self.alerts.calls(&api, &operation, count.saturating_sub(seen.unwrap_or(0)), at);
            }
        }
        self.looked = Some(now);
        let changed = self.alerts.tick(at, most);
        changed.into_iter().filter_map(|alert| Some((self.alerts.rule(alert.rule)?.clone(), alert))).collect()
    }

    /// Who answers for the API that an alert is about, as far as the document says.
    fn owner(&self, rule: &Rule, alert: &Alert) -> Option<String> {
        let grouped = value(rule, alert, Label::Api).or_else(|| {
            value(rule, alert, Label::Operation).and_then(|operation| operation.split('/').next())
        });
        let api = match (grouped, rule.filter.apis.as_slice()) {
            (Some(api), _) => api,
            (None, [only]) => only.as_str(),
            _ => return None,
        };
        self.owners.get(api).cloned()
    }
}

/// What a group has under a label.
fn value<'a>(rule: &Rule, alert: &'a Alert, label: Label) -> Option<&'a str> {
    let at = rule.by.iter().position(|one| *one == label)?;
    alert.group.get(at).map(|value| &**value).filter(|value| !value.is_empty())
}

impl Notices {
    /// What rules have to say now, as far as there is room for it.
    pub(super) async fn look(&self, room: usize) -> Vec<Told> {
        let clock = &*self.services.clock;
        let changed = self.watch.lock().look(&self.telemetry, clock, room.min(TOGETHER));
        let applications = changed.iter().filter_map(|(rule, alert)| value(rule, alert, Label::Application));
        let applications: BTreeSet<&str> = applications.collect();
        let known = owners_in_time(&applications, clock, |id| self.owner_of(id)).await;
        let mut told = Vec::with_capacity(changed.len());
        for (rule, alert) in changed {
            let of_application =
                value(&rule, &alert, Label::Application).and_then(|id| known.get(id).cloned());
            let of_api = self.watch.lock().owner(&rule, &alert);
            let mut owners: Vec<String> = of_application.into_iter().chain(of_api).collect();
            owners.dedup();
            let mut id = [0; 16];
            clock.fill(&mut id);
            let event = Event::of_alert(&rule, &alert, u128::from_le_bytes(id), &owners, unix(clock));
            // Whoever is told of it, and also where nobody is.
            if let Some(kept) = event.evidence(&rule, &alert) {
                self.telemetry.decisions().add(Arc::new(kept));
            }
            told.push(Told { event, owners, sinks: rule.sinks });
        }
        told
    }

    /// Who answers for an application, where the store can say.
    async fn owner_of(&self, application: &str) -> Option<String> {
        let credentials = self.credentials.get().map(Arc::clone)?;
        let asked = credentials.ask(String::from("notices"), Ask::Application(application.to_owned(), None));
        match asked.await {
            Ok(Said::Detail(detail)) => Some(detail.application.owner),
            _ => None,
        }
    }
}

/// Asks who answers for each application, once, until [`PATIENCE`] is over for all of them: whom the store does not name by then is not
/// known, and alerts are told without.
async fn owners_in_time<'a, F>(
    applications: &BTreeSet<&'a str>,
    clock: &dyn Clock,
    ask: impl Fn(&'a str) -> F,
) -> HashMap<String, String>
where
    F: Future<Output = Option<String>>,
{
    let mut known = HashMap::new();
    let asked = async {
        for id in applications {
            if let Some(owner) = ask(id).await {
                known.insert((*id).to_owned(), owner);
            }
        }
    };
    tokio::select! {
        () = asked => {}
        () = clock.sleep(PATIENCE) => {}
    }
    known
}

fn rule(name: &str, alert: &spec::Alert, document: &spec::Document) -> Rule {
    let condition = match (&alert.rate, &alert.share, &alert.absent) {
        (Some(rate), ..) => Condition::Rate(rate.count(), rate.window()),
        (None, Some(share), _) => Condition::Share {
            percent: share.get(),
            window: alert.window.get(),
            at_least: u64::from(alert.at_least),
        },
        (None, None, absent) => Condition::Absent(absent.map_or(Duration::MAX, |time| time.get())),
    };
    let label = |by: &spec::Spanned<spec::GroupBy>| match by.value {
        spec::GroupBy::Api => Label::Api,
        spec::GroupBy::Operation => Label::Operation,
        spec::GroupBy::Code => Label::Code,
        spec::GroupBy::Control => Label::Control,
        spec::GroupBy::Address => Label::Address,
        spec::GroupBy::Principal => Label::Principal,
        spec::GroupBy::Application => Label::Application,
    };
    Rule {
        name: name.to_owned(),
        filter: filter(&alert.events, document),
        all_calls: alert.of == spec::Counted::Calls,
        by: alert.by.iter().map(label).collect(),
        condition,
        hold: alert.hold.get(),
        repeat: alert.repeat.get(),
        severity: severity(alert.severity),
        sinks: alert.sinks.iter().map(|sink| sink.value.clone()).collect(),
    }
}

#[cfg(test)]
mod tests;
