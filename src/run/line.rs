//! Which of the attempts that a host was told of run, and which wait there for a slot.
//!
//! A host that takes attempts ahead begins the next one by itself the moment one ends, first come, first begun. So that
//! is known from the order of events alone: `state` and the views fold it here. Nothing is decided by it.

use std::collections::{BTreeMap, VecDeque};

use super::{event::HostOffer, place::HostId};

/// The lines of all hosts. Attempts that hold GPUs stand in none of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines<N>(BTreeMap<HostId, Line<N>>);

#[derive(Clone, Debug, PartialEq)]
struct Line<N> {
    slots: u32,
    ahead: u32,
    running: u32,
    waiting: VecDeque<N>,
}

impl<N> Default for Lines<N> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<N: Clone + PartialEq> Lines<N> {
    /// A host tells what it has. Those that begin by that.
    pub fn offer(&mut self, host: &HostId, offer: &HostOffer) -> Vec<N> {
        let line = self.line(host);
        (line.slots, line.ahead) = (offer.slots, offer.ahead);
        line.begin()
    }

    /// An attempt comes to a host, and begins unless it is told that it waits.
    pub fn come(&mut self, host: &HostId, attempt: N) -> bool {
        let line = self.line(host);
        let waits = line.ahead > 0 && line.running >= line.slots;
        if waits {
            line.waiting.push_back(attempt);
        } else {
            line.running += 1;
        }
        waits
    }

    /// An attempt is over, or was taken back. Those that begin by that.
    pub fn go(&mut self, host: &HostId, attempt: &N) -> Vec<N> {
        let line = self.line(host);
        match line.waiting.iter().position(|it| it == attempt) {
            Some(at) => drop(line.waiting.remove(at)),
            None => line.running = line.running.saturating_sub(1),
        }
        line.begin()
    }

    /// Whether an attempt waits there, or may have waited by what its host takes ahead.
    pub fn may_wait(&self, host: &HostId, attempt: &N) -> bool {
        self.0.get(host).is_some_and(|line| line.ahead > 0 || line.waiting.contains(attempt))
    }

    /// Those that wait, host by host in the order in which they will begin.
    pub fn waiting(&self) -> impl Iterator<Item = &N> {
        self.0.values().flat_map(|line| &line.waiting)
    }

    fn line(&mut self, host: &HostId) -> &mut Line<N> {
        let empty = || Line { slots: 0, ahead: 0, running: 0, waiting: VecDeque::new() };
        // Most events are of hosts that are known, whose names need no copy.
        if !self.0.contains_key(host) {
            self.0.insert(host.clone(), empty());
        }
        self.0.get_mut(host).expect("it is there by now")
    }
}

impl<N> Line<N> {
    fn begin(&mut self) -> Vec<N> {
        let free = self.slots.saturating_sub(self.running) as usize;
        let begun: Vec<N> = self.waiting.drain(..free.min(self.waiting.len())).collect();
        self.running += u32::try_from(begun.len()).expect("there are no more of them than slots");
        begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(slots: u32, ahead: u32) -> HostOffer {
        HostOffer { slots, ahead, ..HostOffer::default() }
    }

    #[test]
    fn the_first_that_came_begins_when_a_slot_is_free() {
        let host = HostId::parse("here").unwrap();
        let mut lines: Lines<u32> = Lines::default();
        assert_eq!(lines.offer(&host, &offer(2, 3)), Vec::<u32>::new());
        assert_eq!([1, 2, 3, 4, 5].map(|it| lines.come(&host, it)), [false, false, true, true, true]);
        assert_eq!(lines.go(&host, &4), Vec::<u32>::new(), "taken back");
        assert_eq!(lines.go(&host, &2), [3]);
        assert_eq!(lines.waiting().collect::<Vec<_>>(), [&5]);
        assert_eq!(lines.go(&host, &1), [5]);
        assert_eq!(lines.go(&host, &5), Vec::<u32>::new());
        assert!(!lines.come(&host, 6), "a slot is free");
    }

    #[test]
    fn more_slots_begin_more_and_fewer_end_nothing() {
        let host = HostId::parse("here").unwrap();
        let mut lines: Lines<u32> = Lines::default();
        lines.offer(&host, &offer(1, 3));
        assert_eq!([1, 2, 3, 4].map(|it| lines.come(&host, it)), [false, true, true, true]);
        assert_eq!(lines.offer(&host, &offer(3, 3)), [2, 3]);
        assert_eq!(lines.offer(&host, &offer(1, 0)), Vec::<u32>::new());
        assert_eq!(lines.go(&host, &1), Vec::<u32>::new());
        assert_eq!(lines.go(&host, &2), Vec::<u32>::new());
        assert_eq!(lines.go(&host, &3), [4]);
    }

    #[test]
    fn where_none_is_taken_ahead_none_waits() {
        let host = HostId::parse("here").unwrap();
        let mut lines: Lines<u32> = Lines::default();
        lines.offer(&host, &offer(1, 0));
        assert_eq!([1, 2].map(|it| lines.come(&host, it)), [false, false]);
    }
}
