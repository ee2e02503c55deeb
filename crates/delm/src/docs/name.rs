//! Names of sources: short where they are unique, with their folder in front where they are not.
//!
//! Refuses two sources of one name, and names that change with the machine: no absolute path is in one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::walk::Item;

/// Makes every name unique: first with the folder's own name in front, then with a number behind.
pub(crate) fn make_unique(items: &mut [Item]) {
    let mut count: BTreeMap<String, u32> = BTreeMap::new();
    items.iter().for_each(|item| *count.entry(item.name.clone()).or_default() += 1);
    for item in &mut *items {
        if count.get(&item.name).is_some_and(|times| *times > 1)
            && let Some(folder) = last_part(&item.root)
            && folder != item.name
        {
            item.name = format!("{folder}/{}", item.name);
        }
    }
    let mut taken = BTreeSet::new();
    for item in items {
        let (plain, mut number) = (item.name.clone(), 1);
        while !taken.insert(item.name.clone()) {
            number += 1;
            item.name = format!("{plain} ({number})");
        }
    }
}

/// The last part of a path that is a name: of `notes/`, `./notes` and `../notes` it is `notes`.
pub(crate) fn last_part(path: &Path) -> Option<String> {
    path.components().rev().find_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::walk::Found;

    fn unique(pairs: &[(&str, &str)]) -> Vec<String> {
        let item = |(root, name): &(&str, &str)| Item {
            name: (*name).into(),
            root: root.into(),
            found: Found::Stdin,
        };
        let mut items: Vec<_> = pairs.iter().map(item).collect();
        make_unique(&mut items);
        items.into_iter().map(|item| item.name).collect()
    }

    #[test]
    fn folders_are_named_only_where_it_matters() {
        assert_eq!(
            unique(&[("left", "a.md"), ("./right/", "a.md"), ("right", "b.md")]),
            ["left/a.md", "right/a.md", "b.md"]
        );
    }

    #[test]
    fn what_is_still_equal_gets_a_number() {
        assert_eq!(
            unique(&[("x/docs", "a"), ("y/docs", "a"), ("z/docs", "a")]),
            ["docs/a", "docs/a (2)", "docs/a (3)"]
        );
        assert_eq!(unique(&[("x", "a"), ("x", "a (2)"), ("x", "a")]), ["x/a", "a (2)", "x/a (2)"]);
        assert_eq!(unique(&[("/", "a"), ("/", "a")]), ["a", "a (2)"]);
    }
}
