//! `datakey branch-key`: the control plane of branch keys.
use datakey::{
    branch_keys::{
        AdminError, BranchKeyAdmin, Created, Description, DynamoDbStore, ItemKind, NewBranchKey, Rotated,
    },
    kms::{KeyIdForm, KmsProvider},
};
use serde_json::{Value, json};

use crate::{
    args::{
        BindingArgs, BranchKeyCommand, BranchKeyCreateArgs, BranchKeyOneArgs, BranchKeyRotateArgs, TableArgs,
    },
    binding,
    failure::Failure,
    keys::{Chosen, branch},
    print,
    settings::Settings,
};

type Admin = BranchKeyAdmin<DynamoDbStore, KmsProvider>;

/// Does what was asked, and says what came of it.
pub(crate) async fn run(command: &BranchKeyCommand, json: bool) -> Result<(), Failure> {
    match command {
        BranchKeyCommand::Create(args) => create(args, json).await,
        BranchKeyCommand::Rotate(args) => rotate(args, json).await,
        BranchKeyCommand::List(args) => list(args, json).await,
        BranchKeyCommand::Show(args) => show(args, json).await,
    }
}

async fn admin(args: &TableArgs) -> Result<Admin, Failure> {
    if args.kms_key.form() != KeyIdForm::KeyArn {
        return Err(Failure::Usage(format!(
            "--kms-key takes the ARN of a key, as it is bound into branch keys; {} is none",
            args.kms_key
        )));
    }
    let chosen = Chosen {
        keys: Vec::new(),
        region: args.region.clone(),
        endpoint_url: args.endpoint_url.clone(),
        timeout: args.timeout,
    };
    let config = chosen.configuration(&args.kms_key).await?;
    let table = config.table(&args.table, args.logical_name.as_deref());
    let admin = BranchKeyAdmin::new(table, config.kms(&args.kms_key)?, args.kms_key.as_str());
    Ok(admin.retry(chosen.policy(), chosen.policy()))
}

async fn create(args: &BranchKeyCreateArgs, json: bool) -> Result<(), Failure> {
    let pairs = BindingArgs {
        context: args.context.clone(),
        ..BindingArgs::default()
    };
    let context = binding::context(&pairs, &Settings::default())?;
    let new = match &args.id {
        Some(id) => NewBranchKey::with_id(branch::id(id)?),
        None => NewBranchKey::new(),
    };
    let admin = admin(&args.table).await?;
    let created = admin.create(&new.context(context.iter())).await?;
    let (made, what) = match &created {
        Created::Made(_) => (true, "created"),
        Created::Already(_) => (false, "is there already"),
    };
    told(json, made, what, created.description())
}

async fn rotate(args: &BranchKeyRotateArgs, json: bool) -> Result<(), Failure> {
    let (admin, id) = (admin(&args.table).await?, branch::id(&args.id)?);
    let rotated = match args.from {
        Some(from) => admin.rotate_from(&id, from).await?,
        None => admin.rotate(&id).await?,
    };
    let (made, what) = match &rotated {
        Rotated::Made(_) => (true, "rotated"),
        Rotated::ByAnother(_) => (false, "was rotated by another"),
    };
    told(json, made, what, rotated.description())
}

async fn list(args: &BranchKeyOneArgs, json: bool) -> Result<(), Failure> {
    let (admin, id) = (admin(&args.table).await?, branch::id(&args.id)?);
    let active = admin.active(&id).await?;
    let versions = admin.versions(&id).await?;
    let line = |of: &Description| {
        let seals = if of.version == active.version {
            "  seals"
        } else {
            ""
        };
        format!("{}  {}{seals}", of.version, of.create_time)
    };
    let text = versions.iter().map(line).collect::<Vec<_>>().join("\n");
    let values = versions
        .iter()
        .map(|of| described(of, of.version == active.version));
    print::result(json, &values.collect::<Vec<Value>>().into(), &text)
}

async fn show(args: &BranchKeyOneArgs, json: bool) -> Result<(), Failure> {
    let (admin, id) = (admin(&args.table).await?, branch::id(&args.id)?);
    admin.verify(&id, ItemKind::Active).await?;
    let active = admin.active(&id).await?;
    let pairs = active.context.iter();
    let context: Vec<String> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
    let text = format!(
        "branch key  {}\nversion     {}\nmade        {}\nKMS key     {}\ncontext     {}",
        active.id,
        active.version,
        active.create_time,
        active.kms_key,
        context.join(" ")
    );
    print::result(json, &described(&active, true), &text)
}

fn told(json: bool, made: bool, what: &str, of: &Description) -> Result<(), Failure> {
    let mut values = described(of, true);
    if let Some(values) = values.as_object_mut() {
        values.insert("made".to_owned(), made.into());
    }
    let text = format!("branch key {} {what}: version {}", of.id, of.version);
    print::done(json, &values, &text)
}

fn described(of: &Description, seals: bool) -> Value {
    let context: serde_json::Map<String, Value> = of
        .context
        .iter()
        .map(|(key, value)| (key.to_string(), (&**value).into()))
        .collect();
    json!({
        "branch_key_id": of.id.as_str(),
        "version": of.version.to_string(),
        "create_time": &*of.create_time,
        "kms_key": &*of.kms_key,
        "context": context,
        "seals": seals,
    })
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::IdNeedsContext | AdminError::Context(_) | AdminError::EmptyValue(_) => {
                Self::Usage(error.to_string())
            }
            other => Self::BranchKey(Box::new(other)),
        }
    }
}
