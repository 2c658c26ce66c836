package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// A boltStore stores the records of a workspace in a bbolt database. When Save returns,
// its transaction is on disk. bbolt ignores a transaction that was written incompletely.
type boltStore struct{ db *bolt.DB }

var recordsBucket = []byte("records")

// openStore opens the store in a directory. It creates the directory if necessary.
func openStore(dir string) (*boltStore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "workspace.db")
	db, err := bolt.Open(file, 0o600, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%s is in use by another process", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &boltStore{db}, nil
}

func (s *boltStore) Close() error { return s.db.Close() }

// Load implements databrickstest.Store.
func (s *boltStore) Load(record func(key string, value []byte) error) error {
	return s.db.View(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(recordsBucket)
		if bucket == nil {
			return nil
		}
		return bucket.ForEach(func(key, value []byte) error { return record(string(key), value) })
	})
}

// Read implements databrickstest.Store.
func (s *boltStore) Read(key string) (value []byte, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		if bucket := tx.Bucket(recordsBucket); bucket != nil {
			value = bytes.Clone(bucket.Get([]byte(key)))
		}
		if value == nil {
			return fmt.Errorf("%.100s is not in the store", key)
		}
		return nil
	})
	return value, err
}

// Save implements databrickstest.Store.
func (s *boltStore) Save(changes map[string][]byte) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(recordsBucket)
		if err != nil {
			return err
		}
		for key, value := range changes {
			if value == nil {
				err = bucket.Delete([]byte(key))
			} else {
				err = bucket.Put([]byte(key), value)
			}
			if err != nil {
				return fmt.Errorf("%.100s: %w", key, err)
			}
		}
		return nil
	})
}
