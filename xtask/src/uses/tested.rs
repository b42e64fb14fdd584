//! What is compiled for tests only.
use syn::{Attribute, ImplItem, Item, Meta, Token, TraitItem, punctuated::Punctuated};

/// Whether an item is there in tests only.
pub fn item(item: &Item) -> bool {
    let attributes = match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return false,
    };
    any(attributes)
}

/// Likewise, of an item of an implementation.
pub fn impl_item(item: &ImplItem) -> bool {
    match item {
        ImplItem::Const(item) => any(&item.attrs),
        ImplItem::Fn(item) => any(&item.attrs),
        ImplItem::Type(item) => any(&item.attrs),
        _ => false,
    }
}

/// Likewise, of an item of a trait.
pub fn trait_item(item: &TraitItem) -> bool {
    match item {
        TraitItem::Const(item) => any(&item.attrs),
        TraitItem::Fn(item) => any(&item.attrs),
        _ => false,
    }
}

fn any(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.path().is_ident("cfg");
        condition && attribute.parse_args::<Meta>().is_ok_and(|meta| needs_test(&meta))
    })
}

/// Whether a condition holds under `cfg(test)` only.
fn needs_test(condition: &Meta) -> bool {
    let parts = |meta: &Meta| match meta {
        Meta::List(list) => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .unwrap_or_default(),
        _ => Punctuated::new(),
    };
    let path = condition.path();
    if path.is_ident("test") {
        true
    } else if path.is_ident("all") {
        parts(condition).iter().any(needs_test)
    } else if path.is_ident("any") {
        let parts = parts(condition);
        !parts.is_empty() && parts.iter().all(needs_test)
    } else {
        false
    }
}
