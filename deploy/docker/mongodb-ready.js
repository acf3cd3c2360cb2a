// The health check: makes the replica set of one where there is none yet; succeeds once it takes writes.
const password = require('fs').readFileSync('/run/secrets/mongodb_root_password', 'utf8').trim();
const admin = db.getSiblingDB('admin');

admin.auth('root', password);
try {
  rs.status();
} catch (error) {
  if (error.codeName !== 'NotYetInitialized') throw error;
  rs.initiate({ _id: 'rs0', members: [{ _id: 0, host: 'mongodb:27017' }] });
}
if (!db.hello().isWritablePrimary) quit(1);
