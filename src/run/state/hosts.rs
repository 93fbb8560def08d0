//! What is told of hosts: what there is to run on, and where groups can no longer stay.

use super::Run;
use crate::run::{
    event::{Event, HostOffer},
    place::Offer,
};

impl Run {
    /// Folds an event about a host in; others are about something else.
    pub(super) fn of_hosts(&mut self, event: &Event) {
        match event {
            Event::HostJoined { host, offer } => {
                self.fleet.join(host.clone(), offer_of(offer));
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
}

fn offer_of(offer: &HostOffer) -> Offer {
    Offer {
        gpus: offer.gpus.clone(),
        cpus: offer.cpus,
        memory: offer.memory,
        slots: offer.slots,
        holds: offer.holds.clone(),
    }
}
