// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dcos-install/terraform-provider-dcos/internal/release"
)

// An Account is a user that a package's services run as; see [release.Account].
type Account struct {
	release.Account

	Package string // the first that asks for it, by id
}

// Accounts gives the accounts that the cluster's packages ask for, sorted by user: of every package, whatever the
// node's role, as pkgpanda makes them. A package that cannot be read is not looked at: who unpacks it says what is
// wrong with it. They are read once for all nodes.
func (b *Bundle) Accounts(ctx context.Context) ([]Account, error) {
	return b.accounts.get(func() ([]Account, error) { return b.readAccounts(ctx) })
}

func (b *Bundle) readAccounts(ctx context.Context) ([]Account, error) {
	var mu sync.Mutex
	all := map[release.Account]string{}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, id := range b.PackageIDs {
		if b.configPackage(id) >= 0 {
			continue // ours, which has none
		}
		group.Go(func() error {
			a, err := b.rel.Account(inner, id)
			if err != nil || a.User == "" {
				return inner.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			if first, found := all[a]; !found || id < first {
				all[a] = id
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	accounts := make([]Account, 0, len(all))
	for a, id := range all {
		accounts = append(accounts, Account{a, id})
	}
	slices.SortFunc(accounts, func(a, b Account) int { return strings.Compare(a.User+" "+a.Group, b.User+" "+b.Group) })
	return accounts, nil
}
