//! How often which encryption context is seen.

/// Contexts that are alike: how many, and which share of the messages each has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    pub(super) contexts: f64,
    pub(super) each: f64,
}

/// Contexts by Zipf's law, the most frequent first. Where there are very many, those of the tail that differ by little stand together.
pub(super) fn shares(count: u32, skew: f64) -> Vec<Share> {
    if skew == 0.0 {
        return vec![Share {
            contexts: f64::from(count),
            each: 1.0 / f64::from(count),
        }];
    }
    let weight = |rank: f64| rank.powf(-skew);
    let mut all = Vec::new();
    let mut first = 1_u32;
    while first <= count {
        let together = (first / 256).clamp(1, count.saturating_sub(first).saturating_add(1));
        let middle = f64::from(first) + (f64::from(together) - 1.0) / 2.0;
        all.push(Share {
            contexts: f64::from(together),
            each: weight(middle),
        });
        first = first.saturating_add(together);
    }
    let sum: f64 = all.iter().map(|share| share.contexts * share.each).sum();
    for share in &mut all {
        share.each /= sum;
    }
    all
}
