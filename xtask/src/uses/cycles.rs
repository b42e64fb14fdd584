//! The cycles of a graph, the shortest first, until none would be left without them.
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{edges::Edges, tree::Id};

/// A way from a node back to it, each step with what it uses of the next one.
pub type Cycle = Vec<(Id, BTreeSet<String>)>;

/// Cycles such that a graph without the weakest step of each has none.
pub fn cycles(edges: &Edges) -> Vec<Cycle> {
    let mut edges = edges.clone();
    let mut cycles = Vec::new();
    while let Some(cycle) = shortest(&edges) {
        let nodes: Vec<Id> = cycle.iter().map(|(id, _)| *id).collect();
        let nexts = nodes.iter().cycle().skip(1);
        let weakest = cycle
            .iter()
            .zip(nexts)
            .min_by_key(|((_, items), _)| items.len())
            .map(|((from, _), to)| (*from, *to));
        if let Some((from, to)) = weakest
            && let Some(used) = edges.get_mut(&from)
        {
            used.remove(&to);
        }
        cycles.push(cycle);
    }
    cycles
}

fn shortest(edges: &Edges) -> Option<Cycle> {
    let all = edges.keys().filter_map(|start| back_to(edges, *start));
    all.min_by_key(Vec::len)
}

/// The shortest way from a node back to itself.
fn back_to(edges: &Edges, start: Id) -> Option<Cycle> {
    let mut before: BTreeMap<Id, Id> = BTreeMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(id) = next.pop_front() {
        for to in edges.get(&id).into_iter().flat_map(BTreeMap::keys) {
            if *to == start {
                return way(edges, &before, start, id);
            }
            if !before.contains_key(to) {
                before.insert(*to, id);
                next.push_back(*to);
            }
        }
    }
    None
}

fn way(edges: &Edges, before: &BTreeMap<Id, Id>, start: Id, last: Id) -> Option<Cycle> {
    let mut cycle = Vec::new();
    let (mut id, mut to) = (last, start);
    loop {
        cycle.push((id, edges.get(&id)?.get(&to)?.clone()));
        if id == start {
            break;
        }
        (id, to) = (*before.get(&id)?, id);
    }
    cycle.reverse();
    Some(cycle)
}
