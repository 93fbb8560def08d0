//! What is told of hosts: what there is to run on, which nodes must share a host, and where they can no longer stay.

use jiff::Timestamp;

use super::Run;
use crate::{
    plan::NodeIx,
    run::{
        event::{Event, HostOffer},
        place::{self, Offer},
    },
};

impl Run {
    /// Folds an event about a host in; others are about something else.
    pub(super) fn of_hosts(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::HostJoined { host, offer } => {
                self.fleet.join(host.clone(), offer_of(offer));
                let begun = self.lines.offer(host, offer);
                self.begin_all(at, begun);
            }
            Event::HostLost { host } => {
                self.fleet.vanish(host);
                self.leases.leave(host);
            }
            Event::HostDrained { host } | Event::Drained { host, .. } => {
                self.fleet.drain(host);
                self.leases.leave(host);
            }
            Event::Undrained { host, .. } => {
                self.fleet.resume(host);
            }
            Event::GpuForeign { host, gpu, foreign } => {
                self.fleet.foreign(host, gpu, *foreign);
            }
            _ => {}
        }
    }

    /// The number of the group of nodes that must run on one host: those of a frame with the same `same_host`.
    pub(in crate::run) fn group_of(&self, node: NodeIx) -> Option<place::GroupIx> {
        let found = self.plan.node(node);
        let body = self.plan.workflow().body(self.plan.frame(found.frame).body);
        let word = body.step(found.step).settings.same_host.as_ref()?;
        let first = body.steps.iter().position(|step| step.settings.same_host.as_ref() == Some(word))?;
        Some(place::GroupIx(u64::from(found.frame.0) << 32 | first as u64))
    }
}

fn offer_of(offer: &HostOffer) -> Offer {
    Offer {
        gpus: offer.gpus.clone(),
        cpus: offer.cpus,
        memory: offer.memory,
        slots: offer.slots,
        ahead: offer.ahead,
        holds: offer.holds.clone(),
        place: offer.place.clone(),
    }
}
