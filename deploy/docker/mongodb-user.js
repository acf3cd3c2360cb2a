// Run once, by the image of MongoDB, when the database is new: the user of the replicas, with what they need.
const password = require('fs').readFileSync('/run/secrets/mongodb_password', 'utf8').trim();

db.getSiblingDB('admin').createUser({
  user: 'aichat',
  pwd: password,
  roles: [{ role: 'readWrite', db: 'aichat' }]
});
