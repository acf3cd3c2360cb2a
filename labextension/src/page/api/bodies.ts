export interface AccessGrant {
  access_token: string;
  expires_in: number;
}

export interface Entrance {
  registration: 'open' | 'invitation' | 'closed';
  password: { min_characters: number; max_bytes: number };
}

export interface Me {
  owner_id: string;
  name: string;
  display_name: string;
  roles: string[];
  scopes: string[];
  preferences: Record<string, unknown>;
  limits: { quotas?: QuotaStanding[] };
}

export interface QuotaStanding {
  model: string;
  quota: string;
  limit: number;
  used: number;
  resets_at: string;
}

export interface UsageInfo {
  owner_id: string;
  name: string | null;
  day: string;
  model: string;
  prompt_tokens: number;
  completion_tokens: number;
  seconds: number;
  runs: number;
}

export interface SessionInfo {
  id: string;
  created_at: string;
  refreshed_at: string;
  expires_at: string;
  address: string;
  agent: string;
  current: boolean;
}

export interface TokenInfo {
  id: string;
  name: string;
  scopes: string[];
  created_at: string;
  expires_at: string;
  used_at: string | null;
}

export interface UserInfo {
  id: string;
  name: string;
  display_name: string;
  roles: string[];
  disabled: boolean;
  created_at: string;
}

export interface InvitationInfo {
  id: string;
  created_by: string;
  created_at: string;
  expires_at: string;
  roles: string[];
}

export interface AuditInfo {
  id: string;
  at: string;
  action: string;
  actor: string | null;
  subject: string | null;
  address: string;
  details: Record<string, string>;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}
