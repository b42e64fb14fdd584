//! Listings in pages.
use crate::{KmsError, KmsErrorCode, error::constraint};

/// How many entries a page has when the request does not say, and at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageLen {
    pub(super) usual: i64,
    pub(super) most: i64,
}

/// Which page of a listing is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Paging<'a> {
    pub(crate) limit: Option<i64>,
    pub(crate) marker: Option<&'a str>,
}

/// One page of a listing.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) entries: Vec<T>,
    /// Where the next page starts.
    pub(crate) next: Option<String>,
}

impl Paging<'_> {
    /// Cuts a page out of entries that are in the order of their names. A marker is the name of the last entry of the
    /// page before, so that entries that come and go between two pages move no others.
    pub(super) fn cut<T>(
        &self,
        len: PageLen,
        sorted: impl IntoIterator<Item = T>,
        name: impl Fn(&T) -> String,
        is_name: impl Fn(&str) -> bool,
    ) -> Result<Page<T>, KmsError> {
        let limit = self.limit.unwrap_or(len.usual);
        if !(1..=len.most).contains(&limit) {
            let bound = if limit < 1 {
                "greater than or equal to 1".to_owned()
            } else {
                format!("less than or equal to {}", len.most)
            };
            let rule = format!("Member must have value {bound}");
            return Err(constraint("limit", &limit.to_string(), &rule));
        }
        if self.marker.is_some_and(|marker| !is_name(marker)) {
            return Err(KmsErrorCode::InvalidMarker.into());
        }
        let limit = usize::try_from(limit).unwrap_or(1);
        let after = |entry: &T| self.marker.is_none_or(|marker| name(entry).as_str() > marker);
        let mut entries: Vec<T> = sorted
            .into_iter()
            .filter(after)
            .take(limit.saturating_add(1))
            .collect();
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(name);
        Ok(Page { entries, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: PageLen = PageLen {
        usual: 100,
        most: 1000,
    };

    fn page(limit: i64, marker: Option<&str>) -> Result<(String, Option<String>), KmsErrorCode> {
        let paging = Paging {
            limit: Some(limit),
            marker,
        };
        let page = paging.cut(LEN, 'a'..='e', char::to_string, |name| name.len() == 1);
        page.map(|page| (page.entries.into_iter().collect(), page.next))
            .map_err(|error| error.code())
    }

    #[test]
    fn pages_follow_each_other() {
        assert_eq!(page(2, None), Ok(("ab".into(), Some("b".into()))));
        assert_eq!(page(2, Some("b")), Ok(("cd".into(), Some("d".into()))));
        assert_eq!(page(2, Some("d")), Ok(("e".into(), None)));
        assert_eq!(
            page(5, None),
            Ok(("abcde".into(), None)),
            "a full page may be the last"
        );
        assert_eq!(page(2, Some("z")), Ok((String::new(), None)));
        assert_eq!(page(2, Some("bb")), Err(KmsErrorCode::InvalidMarker));
        for limit in [0, -1, 1001, i64::MIN, i64::MAX] {
            assert_eq!(page(limit, None), Err(KmsErrorCode::Validation), "{limit}");
        }
    }
}
