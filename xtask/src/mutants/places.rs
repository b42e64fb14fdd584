//! Where in a file each kind of mutant has its place: the parts of an expression that a switch has to keep apart.
use std::ops::Range;

use anyhow::{Context as _, Result};
use syn::{
    Arm, BinOp, Block, Expr, ExprBinary, ExprStruct, ExprUnary, ImplItemFn, ItemConst, ItemFn, ItemStatic,
    Pat, ReturnType, Signature, TraitItemFn,
    spanned::Spanned,
    visit::{self, Visit},
};

/// A piece of a file, in bytes.
pub type Piece = Range<usize>;

/// An operator between two operands.
#[derive(Debug)]
pub struct Binary {
    pub whole: Piece,
    pub left: Piece,
    pub operator: Piece,
    pub right: Piece,
}

/// An operator before an operand.
#[derive(Debug)]
pub struct Unary {
    pub whole: Piece,
    pub operator: Piece,
    pub operand: Piece,
}

/// A struct expression with a base, and its fields with their commas.
#[derive(Debug)]
pub struct Based {
    pub whole: Piece,
    pub fields: Vec<Piece>,
}

/// A function that the compiler may run.
#[derive(Debug)]
pub struct ConstFunction {
    pub name: String,
    pub whole: Piece,
    /// The word that makes it one.
    pub word: Piece,
}

/// Everything in one file that can be switched when it runs. What is computed by the compiler is not among it.
#[derive(Debug, Default)]
pub struct Places {
    /// The statements of each function.
    pub bodies: Vec<Piece>,
    pub binaries: Vec<Binary>,
    pub unaries: Vec<Unary>,
    /// Whole arms without a guard, each with the end of its pattern.
    pub arms: Vec<(Piece, usize)>,
    pub guards: Vec<Piece>,
    pub structs: Vec<Based>,
    pub const_functions: Vec<ConstFunction>,
    constant: bool,
}

impl Places {
    /// Reads a file.
    pub fn of(source: &str) -> Result<Self> {
        let file = syn::parse_file(source).context("a source file does not parse")?;
        let mut places = Self::default();
        places.visit_file(&file);
        Ok(places)
    }

    fn body(&mut self, signature: &Signature, block: &Block) {
        // A function that says `impl Trait` returns one type, and a replacement would be another.
        let opaque = matches!(&signature.output, ReturnType::Type(_, kind) if has_impl(kind));
        if let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last())
            && !opaque
            && !self.constant
        {
            self.bodies
                .push(first.span().byte_range().start..last.span().byte_range().end);
        }
    }

    fn const_function(&mut self, signature: &Signature, whole: Piece) {
        if let Some(word) = &signature.constness {
            self.const_functions.push(ConstFunction {
                name: signature.ident.to_string(),
                whole,
                word: word.span().byte_range(),
            });
        }
    }

    fn within(&mut self, constant: bool, look: impl FnOnce(&mut Self)) {
        let outer = self.constant;
        self.constant |= constant;
        look(self);
        self.constant = outer;
    }
}

fn has_impl(kind: &syn::Type) -> bool {
    struct Finder(bool);
    impl Visit<'_> for Finder {
        fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut finder = Finder(false);
    finder.visit_type(kind);
    finder.0
}

/// Whether a chain of conditions holds a pattern, which stands nowhere but there.
fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
            has_let(&binary.left) || has_let(&binary.right)
        }
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Places {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.const_function(&item.sig, item.span().byte_range());
        self.body(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.const_function(&item.sig, item.span().byte_range());
        self.body(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        self.within(true, |places| visit::visit_item_const(places, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.within(true, |places| visit::visit_impl_item_const(places, item));
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        self.within(true, |places| visit::visit_item_static(places, item));
    }

    fn visit_type(&mut self, kind: &'ast syn::Type) {
        self.within(true, |places| visit::visit_type(places, kind));
    }

    fn visit_generic_argument(&mut self, argument: &'ast syn::GenericArgument) {
        self.within(true, |places| visit::visit_generic_argument(places, argument));
    }

    fn visit_expr_repeat(&mut self, repeat: &'ast syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
        self.within(true, |places| places.visit_expr(&repeat.len));
    }

    fn visit_expr_const(&mut self, block: &'ast syn::ExprConst) {
        self.within(true, |places| visit::visit_expr_const(places, block));
    }

    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        if !self.constant && !has_let(&binary.left) && !has_let(&binary.right) {
            self.binaries.push(Binary {
                whole: binary.span().byte_range(),
                left: binary.left.span().byte_range(),
                operator: binary.op.span().byte_range(),
                right: binary.right.span().byte_range(),
            });
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast ExprUnary) {
        if !self.constant {
            self.unaries.push(Unary {
                whole: unary.span().byte_range(),
                operator: unary.op.span().byte_range(),
                operand: unary.expr.span().byte_range(),
            });
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        if !self.constant {
            match &arm.pat {
                Pat::Guard(guarded) if !has_let(&guarded.guard) => {
                    self.guards.push(guarded.guard.span().byte_range());
                }
                Pat::Guard(_) => {}
                pattern => self
                    .arms
                    .push((arm.span().byte_range(), pattern.span().byte_range().end)),
            }
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, expression: &'ast ExprStruct) {
        if !self.constant && expression.rest.is_some() {
            let fields = expression.fields.pairs().map(|pair| {
                let field = pair.value().span().byte_range();
                let end = pair
                    .punct()
                    .map_or(field.end, |comma| comma.span().byte_range().end);
                field.start..end
            });
            self.structs.push(Based {
                whole: expression.span().byte_range(),
                fields: fields.collect(),
            });
        }
        visit::visit_expr_struct(self, expression);
    }
}
