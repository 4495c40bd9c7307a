-- The tables of the service, for SQLite and PostgreSQL alike. `sources.yaml` tells the sidecar which
-- of their columns are facts.

CREATE TABLE people (
  id text PRIMARY KEY,
  email text NOT NULL UNIQUE,        -- in lower case, the domain in ASCII
  default_account_id text
);

-- Apart from `people`, which the role of the sidecar may read.
CREATE TABLE passwords (
  person_id text PRIMARY KEY REFERENCES people (id),
  hash text NOT NULL
);

-- Addresses whose owners have not shown yet that they read their mail.
CREATE TABLE sign_ups (
  token_hash text PRIMARY KEY,
  email text NOT NULL,
  expires_at timestamptz NOT NULL
);

CREATE TABLE accounts (
  id text PRIMARY KEY,
  owner_id text NOT NULL REFERENCES people (id)
);

-- An account without a row pays as it goes.
CREATE TABLE plans (
  account_id text PRIMARY KEY REFERENCES accounts (id),
  monthly_usd numeric NOT NULL CHECK (monthly_usd >= 0),
  contract text NOT NULL CHECK (contract IN ('annual', 'monthly')),
  ends_at timestamptz NOT NULL
);

CREATE TABLE members (
  account_id text NOT NULL REFERENCES accounts (id),
  person_id text NOT NULL REFERENCES people (id),
  role text NOT NULL,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'removed')),
  joined_at timestamptz NOT NULL
);
-- A removed membership stays, for ever; who comes back gets another one.
CREATE UNIQUE INDEX members_active ON members (account_id, person_id) WHERE status = 'active';

CREATE TABLE invitations (
  id text PRIMARY KEY,
  account_id text NOT NULL REFERENCES accounts (id),
  email text NOT NULL,
  role text NOT NULL,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'accepted', 'revoked')),
  expires_at timestamptz NOT NULL,
  token_hash text NOT NULL
);
CREATE UNIQUE INDEX invitations_pending ON invitations (account_id, email)
  WHERE status = 'pending';
CREATE INDEX invitations_token ON invitations (token_hash);

CREATE TABLE sessions (
  token_hash text PRIMARY KEY,
  person_id text NOT NULL REFERENCES people (id),
  account_id text,                   -- the account that the person has switched to
  expires_at timestamptz NOT NULL
);

-- How often the team of an account has changed: what a decision rests on is still the same while
-- this number is (`decisions.py`).
CREATE TABLE team_versions (
  account_id text PRIMARY KEY REFERENCES accounts (id),
  version integer NOT NULL
);

-- Who did what: one row for each change of a team, in its order.
CREATE TABLE events (
  account_id text NOT NULL REFERENCES accounts (id),
  version integer NOT NULL,
  person_id text NOT NULL,
  action text NOT NULL,
  resource text NOT NULL,
  role text,
  happened_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, version)
);
