-- The customer's four tables as the generator creates them: an application's schema, normalised
-- for writing, without foreign keys. Turnstream itself adds nothing to it.
-- Every statement may be run again.

CREATE TABLE IF NOT EXISTS sessions (
  uid         varchar PRIMARY KEY,
  account_uid varchar,
  title       varchar
);

-- fillfactor leaves room for active_child updates on the same page (HOT), which the missing index
-- on active_child allows.
CREATE TABLE IF NOT EXISTS human_turns (
  uid          varchar PRIMARY KEY,
  session_uid  varchar,
  parent_uid   varchar,
  active_child varchar,
  prompt       varchar,
  created_at   timestamptz
) WITH (fillfactor = 85);

CREATE TABLE IF NOT EXISTS agent_turns (
  uid          varchar PRIMARY KEY,
  session_uid  varchar,
  parent_uid   varchar,
  active_child varchar,
  created_at   timestamptz
) WITH (fillfactor = 85);

CREATE TABLE IF NOT EXISTS steps (
  agent_turn_uid varchar,
  idx            int,
  tpe            int,
  content        varchar,
  created_at     timestamptz,
  PRIMARY KEY (agent_turn_uid, idx)
);

-- The inbox of an account.
CREATE INDEX IF NOT EXISTS sessions_account ON sessions (account_uid);
-- The timeline of a session; the children of a turn.
CREATE INDEX IF NOT EXISTS human_turns_session ON human_turns (session_uid, created_at);
CREATE INDEX IF NOT EXISTS human_turns_parent ON human_turns (parent_uid);
CREATE INDEX IF NOT EXISTS agent_turns_session ON agent_turns (session_uid, created_at);
CREATE INDEX IF NOT EXISTS agent_turns_parent ON agent_turns (parent_uid, created_at);
-- Time ranges: BRIN costs next to nothing where rows arrive in time order.
CREATE INDEX IF NOT EXISTS human_turns_time ON human_turns USING brin (created_at);
CREATE INDEX IF NOT EXISTS agent_turns_time ON agent_turns USING brin (created_at);
CREATE INDEX IF NOT EXISTS steps_time ON steps USING brin (created_at) WITH (pages_per_range = 32);
-- Open questions to the person: 5 % of the turns.
CREATE INDEX IF NOT EXISTS steps_input_requests ON steps (created_at, agent_turn_uid) WHERE tpe = 10;
